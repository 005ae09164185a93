package words

import (
	"io/fs"
	"strings"

	"lunguard/pr"
	"lunguard/protocol"
	"lunguard/vg"
)

// causeWords says why something failed on a LUN that is named beside it. Each path
// is called one, and device, if it is given, is not named again by its system call.
func causeWords(e *protocol.LUNError, device string) string {
	return cause{lun: e.LUN, device: device}.say(e.Err, true)
}

// cause says errors by their fields, with what is named already left out.
type cause struct{ lun, device string }

// say says an error; first says that nothing stands between the LUN's name and it.
func (c cause) say(err error, first bool) string {
	switch e := err.(type) {
	case pr.CommandError:
		text, where := e.Say(c.say(e.Why(), false)), e.Where()
		switch {
		case where == "" || where == c.lun && first:
			return text
		case where == c.lun:
			return where + ": " + text
		}
		return "path " + where + ": " + text
	case *fs.PathError:
		if e.Op == "SG_IO" && e.Path == c.device {
			return "SG_IO: " + e.Err.Error()
		}
	case interface{ Unwrap() []error }:
		if parts, between, ok := partsOf(err, e.Unwrap()); ok {
			texts := make([]string, len(parts))
			for i, p := range parts {
				texts[i] = c.say(p, first && i == 0)
			}
			return strings.Join(texts, between)
		}
	}
	return err.Error()
}

// partsOf are the errors that one is made of, and what stands between them; false
// if it says something of its own as well.
func partsOf(err error, parts []error) (_ []error, between string, ok bool) {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.Error()
	}
	for _, between := range []string{"\n", ": ", "; "} {
		if strings.Join(texts, between) == err.Error() {
			return parts, between, true
		}
	}
	return nil, "", false
}

// Reason says why nothing is known of a device that is named beside it.
func Reason(device string, err error) string {
	switch e := err.(type) {
	case nil:
		return "no answer"
	case *protocol.LUNError:
		if e.LUN == device {
			return e.Err.Error()
		}
	case *vg.DeviceError:
		if e.Device == device {
			return e.Err.Error()
		}
	case pr.CommandError:
		if e.Where() == device {
			return e.Say(e.Why().Error())
		}
	case interface{ Unwrap() []error }:
		if parts, between, ok := partsOf(err, e.Unwrap()); ok && len(parts) > 0 {
			texts := []string{Reason(device, parts[0])}
			for _, p := range parts[1:] {
				texts = append(texts, p.Error())
			}
			return strings.Join(texts, between)
		}
	}
	return err.Error()
}
