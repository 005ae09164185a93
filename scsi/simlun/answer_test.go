package simlun

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"lunguard/scsi"
)

// Two keys and a reservation, read while answers are garbled. The first 16 bytes
// that the sender has afterwards stand there, its memory was full of EEh, and how
// many of 32 bytes are said not to have come.
func TestGarbled(t *testing.T) {
	const memory = "eeeeeeeeeeeeeeee"
	for _, c := range []struct {
		plan   string
		action scsi.InAction
		want   string
	}{
		{"", scsi.InReadKeys, "00000003000000100000000000000001 8"},
		{"prin@every:short=0", scsi.InReadKeys, memory + memory + " 0"},
		{"prin@every:short=8", scsi.InReadKeys, "0000000300000010" + memory + " 0"},
		{"prin@every:zero=0", scsi.InReadKeys, "00000000000000000000000000000000 0"},
		{"prin@every:zero=8", scsi.InReadKeys, "00000003000000100000000000000000 0"},
		{"prin@every:swap=prin.reservation", scsi.InReadKeys, "00000003000000100000000000000001 8"},
		{"prin@every:swap=prin.keys", scsi.InReadReservation, "00000003000000100000000000000001 8"},
		{"prin@every:swap=prin.capabilities", scsi.InReadKeys, "00081dc0ea010000" + memory + " 24"},
		{"prin@every:swap=inquiry", scsi.InReadKeys, "000006021f0000024c554e4755415244 0"},
		{"prin@every:cut=1", scsi.InReadKeys, "00000003000000080000000000000001 16"},
		{"prin@every:cut=0", scsi.InReadKeys, "0000000300000000" + memory + " 24"},
		{"prin@every:cut=0", scsi.InReadReservation, "00000003000000100000000000000001 8"},
		{"prin@every:length=+8", scsi.InReadKeys, "00000003000000180000000000000001 8"},
		{"prin@every:length=-8", scsi.InReadKeys, "00000003000000080000000000000001 8"},
		{"prin@every:length=-80", scsi.InReadKeys, "00000003000000000000000000000001 8"},
		{"prin@every:generation=7", scsi.InReadKeys, "00000007000000100000000000000001 8"},
		{"prin@every:stale", scsi.InReadKeys, "00000002000000080000000000000001 16"},
		{"prin@every:stale", scsi.InReadReservation, "0000000200000000" + memory + " 24"},
		{"prin@every:delay=1ms prin@every:cut=1", scsi.InReadKeys, "00000003000000080000000000000001 16"},
	} {
		path := filepath.Join(dir(t), "lun")
		if err := Create(path, Config{}); err != nil {
			t.Fatal(err)
		}
		var paths []*Device
		for _, name := range []string{"a", "c"} {
			d, err := Open(path, at(name))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			paths = append(paths, d)
		}
		register := func(d *Device, key scsi.Key) {
			do(t, d, outRequest(scsi.PROut{Action: scsi.OutRegisterAndIgnoreExistingKey, ActionKey: key}), "GOOD")
		}
		register(paths[0], 5)
		register(paths[0], 1)
		plan, err := ParsePlan(c.plan)
		if err != nil {
			t.Fatal(err)
		}
		if err := SetFaults(path, plan); err != nil {
			t.Fatal(err)
		}
		register(paths[1], 2)
		do(t, paths[0], outRequest(scsi.PROut{Action: scsi.OutReserve, Key: 1, Type: wero}), "GOOD")
		req := inRequest(c.action, 32)
		for i := range req.Data {
			req.Data[i] = 0xee
		}
		reply, err := paths[0].Do(t.Context(), req)
		if err != nil || reply.Status != scsi.Good {
			t.Fatal(reply, err)
		}
		if got := fmt.Sprintf("%x %d", req.Data[:16], reply.Resid); got != c.want {
			t.Errorf("%s, %s:\n%s, want\n%s", c.plan, c.action, got, c.want)
		}
	}
}

// Two units can have one name.
func TestSetWWID(t *testing.T) {
	path := filepath.Join(dir(t), "lun")
	if err := Create(path, Config{}); err != nil {
		t.Fatal(err)
	}
	const name = "naa.60014050000000000000000000000000"
	if err := SetWWID(path, "eui.1"); !errors.Is(err, ErrBadConfig) {
		t.Error(err)
	}
	if err := SetWWID(path, name); err != nil {
		t.Fatal(err)
	}
	d, err := Open(path, at("a"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if got, err := scsi.NewUnit("a", d).WWID(t.Context()); got != name || err != nil {
		t.Error(got, err)
	}
}

// What is done to a unit that was loaded is not done to the other.
func TestLoad(t *testing.T) {
	path := filepath.Join(dir(t), "lun")
	if err := Create(path, Config{}); err != nil {
		t.Fatal(err)
	}
	d, err := Open(path, at("a"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	do(t, d, outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: 1}), "GOOD")
	l, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	do(t, l.Path(at("a")), outRequest(scsi.PROut{Action: scsi.OutClear, Key: 1}), "GOOD")
	do(t, l.Path(at("a")), writeRequest(9, 1), "GOOD")
	do(t, l.Path(at("a")), outRequest(scsi.PROut{Action: scsi.OutReserve, Key: 1, Type: wero}), "RC")
	do(t, d, outRequest(scsi.PROut{Action: scsi.OutReserve, Key: 1, Type: wero}), "GOOD")
}
