/// What each metric of ``BrokerMetrics`` says, for the `# HELP` lines of the Prometheus text format.
package enum MetricTexts {
  /// By name. Bytes, seconds and totals are what the names say.
  package static let all = [
    "hawser_commit_seconds": "How long transactions of the store took until they were durable.",
    "hawser_commits_total": "Transactions of the store with telemetry or changes of devices.",
    "hawser_devices_known": "Devices ever seen and not forgotten.",
    "hawser_devices_online": "Devices with a link.",
    "hawser_duplicate_devices_total": "Times that two devices were found under one name.",
    "hawser_duplicate_packs_total": "Packs that came again and were counted once.",
    "hawser_gap_packs_total": "Packs that devices gave up, or that were refused.",
    "hawser_handovers_total": "Links that took over from one that still worked.",
    "hawser_link_ends_total": "Ends of device links, by cause and transport.",
    "hawser_links_opened_total": "Device links that said hello, by transport.",
    "hawser_links_refused_total": "Devices that were told to come back later, by cause.",
    "hawser_live_feeds": "Different subscriptions; equal ones are one feed.",
    "hawser_live_readers": "Live links and streams of events.",
    "hawser_packs_total": "Packs of telemetry that were taken.",
    "hawser_queued_records": "Records that wait to be committed.",
    "hawser_refused_records_total":
      "Records that could not be stored, and of which devices were told.",
    "hawser_samples_total": "Readings that were stored.",
    "hawser_series": "Series: pairs of a device and a metric.",
    "hawser_spare_links_total": "Links that were opened beside one to measure silence.",
    "hawser_store_available": "1 while the store takes data, else 0.",
    "hawser_store_bytes": "What the store takes up on disk.",
    "hawser_store_disk_free_bytes": "What is free on the store's disk.",
    "hawser_store_free_bytes": "What is free inside the store's file, to be used again.",
    "hawser_store_given_up_readings": "Readings given up before their time, for want of room.",
    "hawser_store_in_order": "1 while the store can be kept in order, else 0.",
    "hawser_store_max_bytes": "The most that the store may take up; 0 without a limit.",
    "hawser_store_unfolded_readings": "Readings that are durable and not compressed yet.",
  ]
}
