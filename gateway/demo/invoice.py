"""An invoice as a real PDF, made by hand (ISO 32000-1, 7.5: header, objects, cross-reference table, trailer)."""


def pdf(lines: list[str]) -> bytes:
    """One A5 page of plain text, the first line large."""
    text = [
        f"BT /F1 {11 if number else 22} Tf 40 {520 - 26 * number} Td ({_literal(line)}) Tj ET"
        for number, line in enumerate(lines)
    ]
    drawing = "\n".join(text).encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 420 595] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    file = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    file += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    file += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(file)


def _literal(text: str) -> str:
    for special in "\\()":
        text = text.replace(special, "\\" + special)
    return text
