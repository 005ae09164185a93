package corosync

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/bits"
)

// digits is the MD5 of a text, RFC 1321, in hexadecimal digits: other agents make keys of
// it, and nothing is kept secret by it. The standard library's brings all of package
// crypto into the binary, and with it memory that the deadman would have to lock.
func digits(text string) string {
	state := [4]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}
	message := append([]byte(text), 0x80)
	for len(message)%64 != 56 {
		message = append(message, 0)
	}
	message = binary.LittleEndian.AppendUint64(message, uint64(len(text))*8)
	for ; len(message) > 0; message = message[64:] {
		state = md5Block(state, message[:64])
	}
	var sum []byte
	for _, word := range state {
		sum = binary.LittleEndian.AppendUint32(sum, word)
	}
	return hex.EncodeToString(sum)
}

// md5Block takes 64 bytes in, RFC 1321, 3.4.
func md5Block(state [4]uint32, block []byte) [4]uint32 {
	shifts := [4][4]int{{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}}
	a, b, c, d := state[0], state[1], state[2], state[3]
	for i := range 64 {
		var f uint32
		var word int
		switch i / 16 {
		case 0:
			f, word = b&c|^b&d, i
		case 1:
			f, word = d&b|^d&c, (5*i+1)%16
		case 2:
			f, word = b^c^d, (3*i+5)%16
		default:
			f, word = c^(b|^d), 7*i%16
		}
		f += a + uint32(math.Floor(math.Abs(math.Sin(float64(i+1)))*(1<<32))) + binary.LittleEndian.Uint32(block[4*word:])
		a, d, c, b = d, c, b, b+bits.RotateLeft32(f, shifts[i/16][i%4])
	}
	return [4]uint32{state[0] + a, state[1] + b, state[2] + c, state[3] + d}
}
