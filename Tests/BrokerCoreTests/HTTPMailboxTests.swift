import BrokerCore
import TelemetryModel
import Testing

@Suite("HTTP mailbox")
struct HTTPMailboxTests {
  private let start = Timestamp(seconds: 1_800_000_000)

  private func text(_ answer: HTTPMailbox.Answer?) -> String? {
    answer.map { String(decoding: $0.lines, as: UTF8.self) }
  }

  @Test("A held GET gets what comes, all at once, and nothing when its time is over")
  func held() {
    var mailbox = HTTPMailbox()
    let (first, older) = mailbox.get(now: start)
    #expect(older.isEmpty)
    let nothing = mailbox.settle(isSettled: true, now: start)
    #expect(nothing.isEmpty)
    _ = mailbox.put(Array("a".utf8))
    _ = mailbox.put(Array("b".utf8))
    let answers = mailbox.settle(isSettled: true, now: start)
    #expect(answers.map(\.ticket) == [first])
    #expect(text(answers.first) == "a\nb\n")
    let (second, _) = mailbox.get(now: start)
    #expect(mailbox.deadline == start + .seconds(20))
    #expect(mailbox.settle(isSettled: true, now: start + .milliseconds(19_999)).isEmpty)
    #expect(
      mailbox.settle(isSettled: true, now: start + .seconds(20))
        == [HTTPMailbox.Answer(ticket: second, lines: [])])
    #expect(mailbox.deadline == nil)
  }

  @Test("A newer GET ends an older one with nothing")
  func newer() {
    var mailbox = HTTPMailbox()
    let (first, _) = mailbox.get(now: start)
    let (second, older) = mailbox.get(now: start + .seconds(1))
    #expect(older == [HTTPMailbox.Answer(ticket: first, lines: [])])
    _ = mailbox.put(Array("a".utf8))
    #expect(mailbox.settle(isSettled: true, now: start).map(\.ticket) == [second])
  }

  @Test("Without a GET a POST waits for the acks of what it brought, one second at most")
  func postAlone() {
    var mailbox = HTTPMailbox()
    let post = mailbox.post(now: start)
    _ = mailbox.put(Array("result".utf8))
    #expect(mailbox.settle(isSettled: false, now: start).isEmpty)
    var late = mailbox
    _ = mailbox.put(Array("ack".utf8))
    let answers = mailbox.settle(isSettled: true, now: start + .milliseconds(30))
    #expect(answers.map(\.ticket) == [post])
    #expect(text(answers.first) == "result\nack\n")
    #expect(late.settle(isSettled: false, now: start + .milliseconds(999)).isEmpty)
    #expect(text(late.settle(isSettled: false, now: start + .seconds(1)).first) == "result\n")
  }

  @Test("While a GET is held a POST is answered at once, and the GET brings the acks")
  func postBesideGet() {
    var mailbox = HTTPMailbox()
    let (get, _) = mailbox.get(now: start)
    let post = mailbox.post(now: start)
    #expect(
      mailbox.settle(isSettled: false, now: start)
        == [HTTPMailbox.Answer(ticket: post, lines: [])])
    _ = mailbox.put(Array("ack".utf8))
    #expect(mailbox.settle(isSettled: true, now: start).map(\.ticket) == [get])
  }

  @Test("A request whose connection is gone takes nothing with it")
  func gone() {
    var mailbox = HTTPMailbox()
    let (get, _) = mailbox.get(now: start)
    mailbox.leave(get)
    _ = mailbox.put(Array("a".utf8))
    #expect(mailbox.settle(isSettled: true, now: start).isEmpty)
    let (next, _) = mailbox.get(now: start)
    #expect(mailbox.settle(isSettled: true, now: start).map(\.ticket) == [next])
  }

  @Test("A closed session's last lines are there to be fetched once, for a while")
  func closed() {
    var mailbox = HTTPMailbox()
    mailbox.close(last: Array("bye".utf8), now: start)
    #expect(!mailbox.isDone(now: start + .seconds(29)))
    #expect(mailbox.isDone(now: start + .seconds(30)))
    let post = mailbox.post(now: start + .seconds(1))
    let answers = mailbox.settle(isSettled: false, now: start + .seconds(1))
    #expect(answers.map(\.ticket) == [post])
    #expect(text(answers.first) == "bye\n")
    #expect(mailbox.isDone(now: start + .seconds(1)))
  }

  @Test("What waits is bounded, and the last line comes through all the same")
  func bounded() {
    var policy = HTTPMailbox.Policy()
    policy.maxBytes = 10
    var mailbox = HTTPMailbox(policy: policy)
    let taken = [mailbox.put(Array("12345678".utf8)), mailbox.put(Array("9".utf8))]
    #expect(taken == [true, false])
    mailbox.close(last: Array("closed".utf8), now: start)
    _ = mailbox.get(now: start)
    #expect(text(mailbox.settle(isSettled: true, now: start).first) == "closed\n")
  }
}
