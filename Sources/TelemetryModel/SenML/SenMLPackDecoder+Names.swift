extension SenMLPackDecoder {
  /// The number of a name as it stands in a field, under a base name's number.
  @inline(__always)
  mutating func nameID(
    _ span: JSONStringSpan, _ bytes: Span<UInt8>, _ index: Int, under base: UInt32,
    _ field: SenMLField
  ) throws(SenMLError) -> UInt32 {
    if !span.isEscaped, !span.range.isEmpty,
      let known = names.find(bytes, span.range, under: base)
    {
      return known
    }
    return try newNameID(span, bytes, index, under: base, field)
  }

  @inline(never)
  private mutating func newNameID(
    _ span: JSONStringSpan, _ bytes: Span<UInt8>, _ index: Int, under base: UInt32,
    _ field: SenMLField
  ) throws(SenMLError) -> UInt32 {
    // Without a name of its own, a record is called as its base name says.
    if span.range.isEmpty, base != NameTable.bases, base != 0 {
      do throws(NameError) {
        try NameRules.check(names.strings[Int(base)].utf8, limit: NameTable.maxNameBytes)
      } catch {
        throw SenMLError(record: index, field: field.label, message: error.description)
      }
      return base
    }
    let text: [UInt8]
    do throws(JSONError) {
      text = try span.unescaped(bytes)
    } catch {
      throw SenMLError(record: index, field: field.label, message: error.description)
    }
    if let known = names.find(text.span, 0..<text.count, under: base) { return known }
    do throws(NameError) {
      return try names.insert(text.span, under: base)
    } catch {
      throw SenMLError(record: index, field: field.label, message: error.description)
    }
  }

  /// The number of a unit as it stands in a field.
  @inline(__always)
  mutating func unitID(
    _ span: JSONStringSpan, _ bytes: Span<UInt8>, _ index: Int, _ field: SenMLField
  ) throws(SenMLError) -> UInt16 {
    if !span.isEscaped, let known = units.find(bytes, span.range) { return known }
    return try newUnitID(span, bytes, index, field)
  }

  @inline(never)
  private mutating func newUnitID(
    _ span: JSONStringSpan, _ bytes: Span<UInt8>, _ index: Int, _ field: SenMLField
  ) throws(SenMLError) -> UInt16 {
    let unit: String
    do throws(JSONError) {
      unit = try span.string(bytes)
    } catch {
      throw SenMLError(record: index, field: field.label, message: error.description)
    }
    guard unit.utf8.count <= 64 else {
      throw SenMLError(record: index, field: field.label, message: "a unit of over 64 bytes")
    }
    return units.insert(unit)
  }
}
