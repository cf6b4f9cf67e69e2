import LinuxSensors
import Testing

@Suite("Route table")
struct RouteTableTests {
  private let ipv4 = """
    Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
    wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
    eth0\t00000000\tFE00000A\t0003\t0\t0\t100\t00000000\t0\t0\t0
    eth0\t0000000A\t00000000\t0001\t0\t0\t100\t000000FF\t0\t0\t0
    dead0\t00000000\t01010101\t0000\t0\t0\t1\t00000000\t0\t0\t0

    """
  private let ipv6 = """
    20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
    00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000005 00000000 00450003     eth0
    00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo

    """

  private func table() throws -> RouteTable {
    var table = RouteTable(routes: [])
    try Machine.scratch { machine in
      try machine.write("proc/net/route", ipv4)
      try machine.write("proc/net/ipv6_route", ipv6)
      table = RouteTable.read(root: machine.root)
    }
    return table
  }

  @Test("The most specific route wins, then the smallest metric")
  func choice() throws {
    let table = try table()
    #expect(table.routes.count == 5)
    let near = try #require(table.route(to: "10.1.2.3"))
    #expect(near.interface == "eth0" && near.gateway.isEmpty)
    let far = try #require(table.route(to: "198.51.100.7"))
    #expect(far.interface == "eth0" && far.gateway == "10.0.0.254")
    let named = try #require(table.route(to: "broker.example"))
    #expect(named.gateway == "10.0.0.254")
    let six = try #require(table.route(to: "2001:db9::1"))
    #expect(six.interface == "eth0" && six.gateway == "fe80::1")
    #expect(try #require(table.route(to: "2001:db8::5")).gateway.isEmpty)
  }

  @Test("This machine itself is reached by loopback", arguments: ["127.0.0.1", "localhost", "::1"])
  func loopback(host: String) throws {
    #expect(try table().route(to: host)?.interface == "lo")
  }

  @Test("A machine without tables has no routes")
  func none() throws {
    let table = RouteTable.read(root: SystemRoot("/nowhere"))
    #expect(table.routes.isEmpty && table.route(to: "198.51.100.7") == nil)
  }
}
