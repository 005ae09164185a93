package vg

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// report runs lvm2 with arguments and returns its standard output.
type report func(ctx context.Context, args ...string) ([]byte, error)

// lvmWait is how long lvm2 may go on after it was told to stop.
const lvmWait = 2 * time.Second

// runLVM is the report of the lvm2 that is installed.
func runLVM(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "lvm", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "LVM_SUPPRESS_FD_WARNINGS=1")
	cmd.WaitDelay = lvmWait
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		if text := strings.TrimSpace(errOut.String()); text != "" {
			err = fmt.Errorf("%w: %s", err, strings.Join(strings.Fields(text), " "))
		}
		return nil, fmt.Errorf("%w: %w", ErrNoLVM, err)
	}
	return out.Bytes(), nil
}

// lvmReport is the output of lvm2 with --reportformat json.
type lvmReport struct {
	Report []struct {
		PV []lvmVolume `json:"pv"`
	} `json:"report"`
}

type lvmVolume struct {
	Name      string `json:"pv_name"`
	Group     string `json:"vg_name"`
	GroupUUID string `json:"vg_uuid"`
	Missing   string `json:"pv_missing"`
}

// reportAge is how long a report is good for: long enough for a command that
// asks for every group of a config, short enough for one that changes groups.
const reportAge = 2 * time.Second

// lvmReports remembers lvm2's last report, which has all groups, so that
// hundreds of groups do not scan all disks hundreds of times.
type lvmReports struct {
	run  report
	mu   sync.Mutex
	last *lvmReport
	at   time.Time
}

// group finds a volume group in lvm2's report.
func (l *lvmReports) group(ctx context.Context, name string) (*Group, error) {
	r, err := l.read(ctx)
	if err != nil {
		return nil, &GroupError{Group: name, Err: err}
	}
	g, err := r.group(strings.TrimPrefix(name, "/dev/"))
	if err != nil {
		return nil, &GroupError{Group: name, Err: err}
	}
	return g, nil
}

// noHints makes lvm2 read all disks. It remembers in /run/lvm/hints which of them are
// physical volumes, and does not notice that another node has added one to a
// group. Versions that know no hints warn on the error stream, and go on.
const noHints = `devices/hints="none"`

// read asks lvm2, unless it was asked just now. --readonly keeps lvm2 from
// taking locks and from writing anything.
func (l *lvmReports) read(ctx context.Context) (*lvmReport, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last != nil && time.Since(l.at) < reportAge {
		return l.last, nil
	}
	out, err := l.run(ctx, "pvs", "--readonly", "--config", noHints, "--reportformat", "json", "-o", "pv_name,vg_name,vg_uuid,pv_missing")
	if err != nil {
		return nil, err
	}
	var r lvmReport
	if err := json.Unmarshal(out, &r); err != nil {
		return nil, fmt.Errorf("%w that can be read: %w", ErrNoLVM, err)
	}
	l.last, l.at = &r, time.Now()
	return l.last, nil
}

// group picks the volumes of one group, named or by UUID.
func (r *lvmReport) group(name string) (*Group, error) {
	if name == "" {
		return nil, ErrNoGroup
	}
	var uuids, missing []string
	g := &Group{}
	for _, rep := range r.Report {
		for _, v := range rep.PV {
			if v.Group != name && v.GroupUUID != name || v.Group == "" {
				continue
			}
			g.Name = v.Group
			uuids = append(uuids, v.GroupUUID)
			if v.Missing != "" || !strings.HasPrefix(v.Name, "/") {
				missing = append(missing, v.Name)
				continue
			}
			g.Volumes = append(g.Volumes, v.Name)
		}
	}
	slices.Sort(uuids)
	switch uuids = slices.Compact(uuids); {
	case len(uuids) == 0:
		return nil, ErrNoGroup
	case len(uuids) > 1:
		return nil, fmt.Errorf("%w: %s", ErrSameName, strings.Join(uuids, ", "))
	case len(missing) > 0:
		return nil, fmt.Errorf("%w: %s", ErrMissingVolume, strings.Join(missing, ", "))
	}
	return g, nil
}
