package golden

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	checkCondition = 0x02
	driverSense    = 0x08
)

func (s *Script) parse(p paragraph) error {
	switch p.word {
	case "open":
		e, err := errno(p.rest)
		s.Opens = append(s.Opens, e)
		return err
	case "inquiry":
		a, err := parseAnswer(p)
		s.Inquiries = append(s.Inquiries, a)
		return err
	case "answer":
		a, err := parseAnswer(p)
		s.Answers = append(s.Answers, a)
		return err
	}
	return fmt.Errorf("unknown word: %s", p.word)
}

// errno knows its numbers by name, and ok.
func errno(name string) (syscall.Errno, error) {
	for e := syscall.Errno(1); e < 200; e++ {
		if unix.ErrnoName(e) == name {
			return e, nil
		}
	}
	if name == "ok" {
		return 0, nil
	}
	return 0, fmt.Errorf("no errno: %s", name)
}

// parseAnswer reads KEY=VALUE... [data BYTES...].
func parseAnswer(p paragraph) (Answer, error) {
	var a Answer
	settings, data, _ := strings.Cut(strings.Join(append([]string{p.rest}, p.lines...), " ")+" ", "data ")
	for _, word := range strings.Fields(settings) {
		key, value, _ := strings.Cut(word, "=")
		if err := a.set(key, value); err != nil {
			return a, fmt.Errorf("%s: %w", word, err)
		}
	}
	if len(a.Sense) > 0 && !strings.Contains(settings, "status=") {
		a.Status = checkCondition
	}
	if len(a.Sense) > 0 && !strings.Contains(settings, "driver=") {
		a.Driver = driverSense
	}
	var err error
	a.Data, err = parseBytes(data)
	return a, err
}

func (a *Answer) set(key, value string) error {
	var n uint64
	var err error
	switch key {
	case "good":
	case "status":
		n, err = strconv.ParseUint(value, 16, 8)
		a.Status = byte(n)
	case "host":
		n, err = strconv.ParseUint(value, 16, 16)
		a.Host = uint16(n)
	case "driver":
		n, err = strconv.ParseUint(value, 16, 16)
		a.Driver = uint16(n)
	case "resid":
		var n int
		n, err = strconv.Atoi(value)
		a.Resid = &n
	case "errno":
		a.Errno, err = errno(value)
	case "sense", "desc":
		a.Sense, err = parseSense(value, key == "desc")
	default:
		err = fmt.Errorf("unknown setting")
	}
	return err
}

// parseSense knows KEY/ASC/ASCQ, all hex, and bytes.
func parseSense(value string, descriptor bool) ([]byte, error) {
	var key, asc, ascq byte
	if n, _ := fmt.Sscanf(value, "%x/%x/%x", &key, &asc, &ascq); n != 3 {
		return hex.DecodeString(value)
	}
	if descriptor {
		return []byte{0x72, key, asc, ascq, 0, 0, 0, 0}, nil
	}
	return []byte{0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq, 0, 0, 0, 0}, nil
}

// parseBytes reads hex in groups, N*hex for what comes N times, and 'text'.
func parseBytes(s string) ([]byte, error) {
	var all []byte
	for {
		s = strings.TrimLeft(s, " ")
		if s == "" {
			return all, nil
		}
		if s[0] == '\'' {
			text, rest, _ := strings.Cut(s[1:], "'")
			all, s = append(all, text...), rest
			continue
		}
		var word string
		word, s, _ = strings.Cut(s, " ")
		times := 1
		if n, group, ok := strings.Cut(word, "*"); ok {
			var err error
			if times, err = strconv.Atoi(n); err != nil {
				return nil, err
			}
			word = group
		}
		b, err := hex.DecodeString(word)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
		for range times {
			all = append(all, b...)
		}
	}
}
