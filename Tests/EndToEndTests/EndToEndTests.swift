import Testing

/// Everything with real programs, one test after the other: each has the machine to itself, so that
/// its time limits mean something on two cores.
@Suite("From end to end", .serialized, .timeLimit(.minutes(3)))
struct EndToEndTests {}
