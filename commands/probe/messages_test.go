package probe

import (
	"errors"
	"testing"

	"lunguard/commands/catalogue"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/probe"
)

// messages is what this room says.
func messages() []catalogue.Message {
	list := []catalogue.Message{catalogue.New(Name, "warning", "/dev/sda: taken off: registered: 0xdead; reserved, Write Exclusive")}
	errs := []error{&refusedError{"/dev/sda", []string{"in volume group vg1", "registered: 0xdead"}}}
	for _, err := range []error{
		probe.ErrNobody, probe.ErrCrowd, probe.ErrPeerLost, probe.ErrDisturbed, probe.ErrScratchInUse, probe.ErrScratchElsewhere, &probe.ScratchError{LBA: 7, Err: probe.ErrNotWritten}, probe.ErrNoBlock, probe.ErrNotReady,
		&probe.AnswerError{Command: "CLEAR"}, errors.New("some error"),
		errors.Join(probe.ErrDisturbed, &probe.LeftError{Keys: []pr.Key{0x1b0be5c000000001, 0x1b0be5c000000002}}), &probe.LeftError{Err: errors.New("some error")},
	} {
		errs = append(errs, &trialError{"/dev/sda", err})
	}
	errs = append(errs, &memoryError{"/var/lib/lunguard/pr_probe/1", errNotKept})
	for _, err := range errs {
		m := words.Of(err)
		list = append(list, catalogue.Message{Topic: Name, Kind: "error", Text: words.JoinedLines(m.Text()), Hint: m.Hint, Status: m.Status})
	}
	return list
}

func TestMain(m *testing.M) { catalogue.Main(m) }

// What this room says is what its list has, line by line.
func TestMessages(t *testing.T) { catalogue.Compare(t, messages()) }
