package sgpersist

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"lunguard/scsi"
)

// badArgument says that the value of an option is none. Its text is what is
// printed.
func badArgument(option string) error { return fmt.Errorf("bad argument to '--%s'", option) }

// hexNumber reads a hexadecimal number of so many bits, with or without 0x.
// Keys cut out of a list have blanks before them, which do no harm. The original
// takes whatever scanf does, so that 12g is 12h and a key of 17 digits becomes
// another key.
func hexNumber(text string, bits int) (uint64, error) {
	text = strings.TrimLeft(text, " \t")
	if len(text) > 2 && (text[:2] == "0x" || text[:2] == "0X") {
		text = text[2:]
	}
	if text == "" || strings.Trim(text, "0123456789abcdefABCDEF") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseUint(text, 16, bits)
}

func (o *Options) setDevice(text string) error {
	o.device, o.deviceSet = text, true
	return nil
}

func (o *Options) setKey(key *scsi.Key, name string) func(string) error {
	return func(text string) error {
		n, err := hexNumber(text, 64)
		if err != nil {
			return badArgument(name)
		}
		*key = scsi.Key(n)
		o.outParameters++
		return nil
	}
}

func (o *Options) setType(text string) error {
	n, err := hexNumber(text, 4)
	if err != nil {
		return badArgument("prout-type")
	}
	o.typ = scsi.Type(n)
	o.outParameters++
	return nil
}

func (o *Options) setPort(text string) error {
	n, err := hexNumber(text, 64)
	switch {
	case err != nil:
		return badArgument("relative-target-port")
	case n > 0xffff:
		return errors.New("argument to '--relative-target-port' 0 to ffff inclusive")
	}
	o.port = uint16(n)
	o.outParameters++
	return nil
}

func (o *Options) setAlloc(text string) error {
	n, err := hexNumber(text, 32)
	if err != nil {
		return badArgument("alloc-length")
	}
	return o.limit("alloc-length", n)
}

func (o *Options) setMaxLen(text string) error {
	n, err := sizeNumber(text)
	switch {
	case errors.Is(err, errUnit):
		return fmt.Errorf("%w\n%w", err, badArgument("maxlen"))
	case err != nil:
		return badArgument("maxlen")
	}
	return o.limit("maxlen", n)
}

func (o *Options) limit(name string, n uint64) error {
	if n > maxAlloc {
		return fmt.Errorf("'--%s' argument exceeds maximum value (%d)", name, maxAlloc)
	}
	o.alloc, o.allocSet = int(n), true
	return nil
}

// errUnit says that what follows a number is no unit.
var errUnit = errors.New("unrecognized multiplier")

// sizeNumber reads a number as the sg3_utils take sizes: decimal, hexadecimal
// with 0x before or h behind it, decimal with a unit, or a sum or product of
// these. sg3_utils(8).
func sizeNumber(text string) (uint64, error) {
	lower := strings.ToLower(text)
	prefix := 0
	if strings.HasPrefix(lower, "0x") {
		prefix = 2
	}
	if at := strings.IndexAny(lower[prefix:], "+x"); at >= 0 {
		at += prefix
		left, err1 := sizeNumber(lower[:at])
		right, err2 := sizeNumber(lower[at+1:])
		if max(left, right) > maxAlloc {
			// Nor may a product come round to a small number.
			left, right = maxAlloc, maxAlloc
		}
		if lower[at] == '+' {
			return left + right, errors.Join(err1, err2)
		}
		return left * right, errors.Join(err1, err2)
	}
	if prefix > 0 {
		return hexNumber(lower, 31)
	}
	if hex, ok := strings.CutSuffix(lower, "h"); ok {
		return hexNumber(hex, 31)
	}
	unit := strings.TrimLeft(lower, "0123456789")
	n, err := strconv.ParseUint(lower[:len(lower)-len(unit)], 10, 31)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return math.MaxInt32, nil
	case err != nil:
		return 0, err
	}
	factor, ok := unitOf(unit)
	switch {
	case ok:
		return n * factor, nil
	case strings.Contains(" \t,#-cwbkmg", unit[:1]):
		return 0, strconv.ErrSyntax
	}
	return 0, errUnit
}

// unitOf gives the factor that a unit stands for.
func unitOf(suffix string) (uint64, bool) {
	switch suffix {
	case "", "c":
		return 1, true
	case "w":
		return 2, true
	case "b":
		return 512, true
	case "k", "kib":
		return 1 << 10, true
	case "kb", "kd":
		return 1000, true
	case "m", "mib":
		return 1 << 20, true
	case "mb", "md":
		return 1000 * 1000, true
	case "g", "gib":
		return 1 << 30, true
	case "gb", "gd":
		return 1000 * 1000 * 1000, true
	}
	return 0, false
}

func (o *Options) setRetries(text string) error {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return badArgument("retries")
	}
	o.retries = int(n)
	return nil
}

// setTimeout takes seconds, or a number with a unit.
func (o *Options) setTimeout(text string) error {
	unit := ""
	if strings.Trim(text, "0123456789.") == "" {
		unit = "s"
	}
	d, err := time.ParseDuration(text + unit)
	if err != nil || d < time.Millisecond {
		return badArgument("timeout")
	}
	o.timeout = d
	return nil
}
