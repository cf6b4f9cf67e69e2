import Testing

/// Everything with real programs, one test after the other: each has the machine to itself, so that
/// its time limits mean something on two cores. Every suite within has a time limit for its tests.
@Suite("From end to end", .serialized)
struct EndToEndTests {}
