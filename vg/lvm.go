package vg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"lunguard/child"
)

// report runs lvm2 with arguments and returns what it has written.
type report func(ctx context.Context, args ...string) (child.Answer, error)

// lvmLimit is how long lvm2 may take. It reads all disks of the machine, one that
// hangs as well.
const lvmLimit = 20 * time.Second

// runLVM is the report of the lvm2 that is installed.
func runLVM(ctx context.Context, args ...string) (child.Answer, error) {
	env := append(os.Environ(), "LC_ALL=C", "LVM_SUPPRESS_FD_WARNINGS=1")
	a, err := child.Run(ctx, lvmLimit, env, "lvm", args...)
	if err == nil {
		return a, nil
	}
	if text := strings.Fields(string(a.Err)); len(text) > 0 {
		err = fmt.Errorf("%w: %s", err, strings.Join(text, " "))
	}
	return child.Answer{}, fmt.Errorf("%w: %w", ErrNoLVM, err)
}

// lvmReport is the output of lvm2 with --reportformat json.
type lvmReport struct {
	// warnings are what it has said beside.
	warnings []string
	Report   []struct {
		PV []lvmVolume `json:"pv"`
	} `json:"report"`
}

type lvmVolume struct {
	Name      string `json:"pv_name"`
	Group     string `json:"vg_name"`
	GroupUUID string `json:"vg_uuid"`
	Missing   string `json:"pv_missing"`
	Attr      string `json:"vg_attr"`
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
	// hung is why there was none, if lvm2 does not answer.
	hung error
	at   time.Time
}

// hungAge is how long lvm2 is not asked again after it has not answered.
const hungAge = time.Minute

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
// taking locks and from writing anything. Of groups that belong to another host (their
// system ID is not this one's), or to a lock manager that does not run here, it says
// nothing unless it is told to: but who takes a group over, or fences its owner, is just
// the host to which it does not belong yet.
func (l *lvmReports) read(ctx context.Context) (*lvmReport, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last != nil && time.Since(l.at) < reportAge {
		return l.last, nil
	}
	if l.hung != nil && time.Since(l.at) < hungAge {
		return nil, l.hung
	}
	answer, err := l.run(ctx, "pvs", "--readonly", "--foreign", "--shared", "--config", noHints, "--reportformat", "json", "-o", "pv_name,vg_name,vg_uuid,pv_missing,vg_attr")
	l.hung = nil
	if hung := (*child.HungError)(nil); errors.As(err, &hung) {
		l.hung, l.at = err, time.Now()
	}
	if err != nil {
		return nil, err
	}
	r := lvmReport{warnings: lvmWarnings(answer.Err)}
	if err := json.Unmarshal(answer.Out, &r); err != nil {
		return nil, fmt.Errorf("%w that can be read: %w", ErrNoLVM, err)
	}
	l.last, l.at = &r, time.Now()
	return l.last, nil
}

// lvmWarnings are what lvm2 has said although all went well, but for what it says of
// our own settings.
func lvmWarnings(text []byte) []string {
	return slices.DeleteFunc(child.Lines(text), func(line string) bool { return strings.Contains(line, "devices/hints") })
}

// doubt is a warning of lvm2 that what its report says of a group may be out of date:
// on some disks is something else. Empty if there is none.
func (r *lvmReport) doubt(group string) string {
	for _, line := range r.warnings {
		lower := strings.ToLower(line)
		doubtful := slices.ContainsFunc([]string{"outdated pv", "inconsistent metadata", "ignoring metadata", "previously updated while"},
			func(text string) bool { return strings.Contains(lower, text) })
		if doubtful && !r.aboutOther(line, group) {
			return line
		}
	}
	return ""
}

// aboutOther reports whether a warning names another group of the report, and not
// this one.
func (r *lvmReport) aboutOther(line, group string) bool {
	other := false
	for word := range strings.FieldsSeq(line) {
		word = strings.TrimRight(word, ".,:;")
		if word == group {
			return false
		}
		other = other || r.has(word)
	}
	return other
}

// shared reports whether the group is for several hosts: clustered, as older lvm2 has it,
// or shared by a lock manager, in the sixth letter of its attributes.
func (v lvmVolume) shared() bool {
	return len(v.Attr) > 5 && (v.Attr[5] == 'c' || v.Attr[5] == 's')
}

// has reports whether there is a group of that name.
func (r *lvmReport) has(group string) bool {
	for _, rep := range r.Report {
		if slices.ContainsFunc(rep.PV, func(v lvmVolume) bool { return v.Group == group }) {
			return true
		}
	}
	return false
}

// groups lists what the report has, in the order of the names.
func (r *lvmReport) groups() []Group {
	volumes, shared := map[string][]string{}, map[string]bool{}
	for _, rep := range r.Report {
		for _, v := range rep.PV {
			if v.Group != "" && strings.HasPrefix(v.Name, "/") {
				volumes[v.Group] = append(volumes[v.Group], v.Name)
				shared[v.Group] = shared[v.Group] || v.shared()
			}
		}
	}
	var list []Group
	for _, name := range slices.Sorted(maps.Keys(volumes)) {
		list = append(list, Group{Name: name, Volumes: volumes[name], Shared: shared[name]})
	}
	return list
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
	if line := r.doubt(g.Name); line != "" {
		return nil, fmt.Errorf("%w, lvm2 says: %s", ErrContradiction, strings.TrimSuffix(line, "."))
	}
	g.Warnings = r.warnings
	return g, nil
}
