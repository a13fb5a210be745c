"""A small picture: lines, boxes and letters on a white ground, as a PNG. The standard library is all it needs."""

import struct
import zlib

Color = tuple[int, int, int]
WHITE: Color = (255, 255, 255)
FIRST, LAST = " ", "~"
WIDE, HIGH = 6, 8  # of a letter with the space around it
# Five columns for each letter from space to tilde, the lowest bit on top.
_FONT = bytes.fromhex(
    "000000000000005f00000007000700147f147f14242a7f2a12231308646236495620500008070300001c2241000041221c00"
    "2a1c7f1c2a08083e080800807030000808080808000060600020100804023e5149453e00427f400072494949462141494d33"
    "1814127f1027454545393c4a49493141211109073649494936464949291e0000140000004034000000081422411414141414"
    "004122140802015909063e415d594e7c1211127c7f494949363e414141227f4141413e7f494949417f090909013e41415173"
    "7f0808087f00417f41002040413f017f081422417f404040407f021c027f7f0408107f3e4141413e7f090909063e4151215e"
    "7f09192946264949493203017f01033f4040403f1f2040201f3f4038403f631408146303047804036159494d43007f414141"
    "0204081020004141417f04020102044040404040000307080020545478407f284444383844444428384444287f3854545418"
    "00087e090218a4a49c787f0804047800447d40002040403d007f1028440000417f40007c047804787c080404783844444438"
    "fc1824241818242418fc7c08040408485454542404043f44243c4040207c1c2040201c3c4030403c44281028444c9090907c"
    "4464544c440008364100000077000000413608000201020402"
)


class Canvas:
    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._rows = [bytearray(bytes(WHITE) * width) for _ in range(height)]

    def box(self, left: float, top: float, right: float, bottom: float, color: Color) -> None:
        """Both corners belong to it; what is outside is not drawn."""
        x0, x1 = max(int(left), 0), min(int(right), self.width - 1)
        if x1 < x0:
            return
        for y in range(max(int(top), 0), min(int(bottom), self.height - 1) + 1):
            self._rows[y][3 * x0 : 3 * (x1 + 1)] = bytes(color) * (x1 - x0 + 1)

    def line(self, x0: float, y0: float, x1: float, y1: float, color: Color, thick: int = 2) -> None:
        steps = max(int(max(abs(x1 - x0), abs(y1 - y0))), 1)
        for n in range(steps + 1):
            x, y = x0 + (x1 - x0) * n / steps, y0 + (y1 - y0) * n / steps
            self.box(x, y, x + thick - 1, y + thick - 1, color)

    def text(self, left: float, top: float, text: str, color: Color, scale: int = 1) -> None:
        for place, letter in enumerate(text):
            known = letter if FIRST <= letter <= LAST else "?"
            start = 5 * (ord(known) - ord(FIRST))
            for column, bits in enumerate(_FONT[start : start + 5]):
                x = left + (WIDE * place + column) * scale
                for row in range(8):
                    if bits >> row & 1:
                        y = top + row * scale
                        self.box(x, y, x + scale - 1, y + scale - 1, color)

    def png(self) -> bytes:
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        data = zlib.compress(b"".join(b"\0" + bytes(row) for row in self._rows), 6)
        return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
