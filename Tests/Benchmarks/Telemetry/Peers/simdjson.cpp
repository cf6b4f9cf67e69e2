// The pack that telemetry-bench decodes, by simdjson: names and units as slices of the input, numbers
// as doubles. Compiled and run by
// compare.sh: simdjson PACK ROUNDS.
#include <simdjson.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

static double cpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

struct Row {
  std::string_view name, unit;
  double value = 0, time = 0;
};

int main(int count, char **arguments) {
  if (count != 3) return 64;
  simdjson::padded_string pack = simdjson::padded_string::load(arguments[1]);
  long rounds = std::atol(arguments[2]);
  simdjson::ondemand::parser parser;
  std::vector<Row> rows;
  auto decode = [&] {
    rows.clear();
    auto document = parser.iterate(pack);
    for (auto element : document.get_array()) {
      Row row;
      for (auto field : element.get_object()) {
        std::string_view key = field.unescaped_key();
        if (key == "n") row.name = std::string_view(field.value());
        else if (key == "u") row.unit = std::string_view(field.value());
        else if (key == "v") row.value = double(field.value());
        else if (key == "t" || key == "bt") row.time = double(field.value());
      }
      rows.push_back(row);
    }
  };
  std::vector<double> rates;
  double sum = 0;
  for (int run = 0; run < 7; run++) {
    for (long round = 0; round < rounds / 10; round++) decode();
    double began = cpuSeconds();
    for (long round = 0; round < rounds; round++) {
      decode();
      sum += rows[3].value;
    }
    rates.push_back(rounds * rows.size() / (cpuSeconds() - began) / 1e6);
  }
  std::sort(rates.begin(), rates.end());
  std::printf("  simdjson %s (%s), on demand: median %.2f, %.2f…%.2f M records/CPU s, %zu runs\n",
              SIMDJSON_STRINGIFY(SIMDJSON_VERSION), simdjson::get_active_implementation()->name().c_str(),
              rates[rates.size() / 2], rates.front(), rates.back(), rates.size());
  return sum > 0 ? 0 : 1;
}
