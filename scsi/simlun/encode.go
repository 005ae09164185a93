package simlun

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lunguard/scsi"
	"lunguard/scsi/simlun/model"
	"lunguard/scsi/simlun/registry"
)

// The state file is one line that tells what it is, how long the rest is and
// its digest, and then JSON.
const (
	magic         = "lunguard-simulated-lun"
	formatVersion = 1
)

// Errors of reading a state file.
var (
	// ErrNotSimulated says that a path names no simulated LUN: a device, a
	// directory, or a file of something else.
	ErrNotSimulated = errors.New("not a simulated LUN")
	// ErrCorrupt says that a simulated LUN's state file is damaged.
	ErrCorrupt = errors.New("damaged state of a simulated LUN")
)

// savedMachine is the JSON of a Machine without its medium.
type savedMachine struct {
	Config        Config              `json:"config"`
	Registrations []savedRegistration `json:"registrations,omitempty"`
	Reserved      scsi.Type           `json:"reserved,omitempty"`
	Generation    uint32              `json:"generation"`
	APTPL         bool                `json:"aptpl,omitempty"`
	Sessions      []savedSession      `json:"sessions,omitempty"`
	Legacy        savedNexus          `json:"legacy,omitzero"`
	Tasks         []savedTask         `json:"tasks,omitempty"`
	LastTask      TaskID              `json:"lastTask,omitempty"`
	Busy          int                 `json:"busy,omitempty"`
	Listings      uint64              `json:"listings,omitempty"`
	Plan          string              `json:"plan,omitempty"`
	Hits          []int               `json:"hits,omitempty"`
	Past          *savedPast          `json:"past,omitempty"`
}

// savedPast is what stale answers tell.
type savedPast struct {
	Registrations []savedRegistration `json:"registrations,omitempty"`
	Reserved      scsi.Type           `json:"reserved,omitempty"`
	Generation    uint32              `json:"generation"`
}

// savedNexus is a NexusID with its TransportID in hexadecimal: no byte of it
// gets lost.
type savedNexus struct {
	Port     string `json:"port"`
	Relative uint16 `json:"relative"`
}

type savedRegistration struct {
	Nexus      savedNexus `json:"nexus"`
	Key        scsi.Key   `json:"key"`
	AllTgtPort bool       `json:"allTgtPort,omitempty"`
	Holder     bool       `json:"holder,omitempty"`
	Stale      bool       `json:"stale,omitempty"`
}

type savedSession struct {
	Nexus      savedNexus `json:"nexus"`
	LoggedIn   bool       `json:"loggedIn,omitempty"`
	Failed     bool       `json:"failed,omitempty"`
	Attentions []scsi.ASC `json:"attentions,omitempty"`
}

type savedTask struct {
	ID       TaskID            `json:"id"`
	Nexus    savedNexus        `json:"nexus"`
	Function scsi.TaskFunction `json:"function,omitempty"`
	Late     *savedRequest     `json:"late,omitempty"`
	Due      time.Time         `json:"due,omitzero"`
	Commands int               `json:"commands,omitempty"`
}

// savedRequest is a late command; its Function is the task's.
type savedRequest struct {
	CDB  []byte         `json:"cdb"`
	Dir  scsi.Direction `json:"dir"`
	Data []byte         `json:"data,omitempty"`
}

func saveTask(t task) savedTask {
	s := savedTask{ID: t.id, Nexus: saveNexus(t.nexus), Function: t.function}
	if t.late != nil {
		s.Late, s.Due, s.Commands = &savedRequest{t.late.CDB, t.late.Dir, t.late.Data}, t.due, t.commands
	}
	return s
}

func (s savedTask) load() (task, error) {
	n, err := s.Nexus.load()
	if err != nil {
		return task{}, err
	}
	t := task{id: s.ID, nexus: n, function: s.Function}
	if s.Late == nil {
		return t, nil
	}
	t.due, t.commands = s.Due, s.Commands
	t.late = &scsi.Request{Function: s.Function, CDB: s.Late.CDB, Dir: s.Late.Dir, Data: s.Late.Data}
	if t.commands < 0 || t.commands > 0 != t.due.IsZero() {
		return task{}, errors.New("a late command that waits for nothing, or for two things")
	}
	if len(t.late.CDB) < cdbLength(t.late.Opcode()) && s.Function == scsi.Command {
		return task{}, fmt.Errorf("a late command of %d bytes", len(t.late.CDB))
	}
	return t, nil
}

func saveNexus(n NexusID) savedNexus {
	if n.IsZero() {
		return savedNexus{}
	}
	return savedNexus{hex.EncodeToString([]byte(n.Raw())), n.RelativePort()}
}

func (s savedNexus) load() (NexusID, error) {
	raw, err := hex.DecodeString(s.Port)
	if err != nil {
		return NexusID{}, fmt.Errorf("port %q: %w", s.Port, err)
	}
	id, err := scsi.DecodeTransportID(raw)
	if err != nil {
		return NexusID{}, fmt.Errorf("port %q: %w", s.Port, err)
	}
	if n := MakeNexus(id, s.Relative); n.Raw() == string(raw) && s.Relative != 0 {
		return n, nil
	}
	return NexusID{}, fmt.Errorf("port %q, relative port %d: not in canonical form", s.Port, s.Relative)
}

// encode writes the machine as a state file.
func encode(m *Machine) ([]byte, error) {
	s := savedMachine{
		Config: *m.Cfg, Reserved: m.Reserved, Generation: m.Generation, APTPL: m.APTPL,
		Legacy: saveNexus(m.legacy), LastTask: m.lastTask, Busy: m.busy, Listings: m.Listings, Plan: m.faults.Plan.String(), Hits: m.faults.Hits,
	}
	s.Registrations = saveRegistrations(m.Registrations)
	if p := m.past; p != nil {
		s.Past = &savedPast{saveRegistrations(p.registrations), p.reserved, p.generation}
	}
	for _, x := range m.Sessions {
		s.Sessions = append(s.Sessions, savedSession{saveNexus(x.Nexus), x.LoggedIn, x.Failed, x.Attentions})
	}
	for _, t := range m.tasks {
		s.Tasks = append(s.Tasks, saveTask(t))
	}
	body, err := json.MarshalIndent(&s, "", " ")
	if err != nil {
		return nil, err
	}
	body = append(body, '\n')
	return append(header(body), body...), nil
}

func saveRegistrations(list []registry.Registration) []savedRegistration {
	var saved []savedRegistration
	for _, r := range list {
		saved = append(saved, savedRegistration{saveNexus(r.Nexus), r.Key, r.AllTgtPort, r.Holder, r.Stale})
	}
	return saved
}

func loadRegistrations(saved []savedRegistration) ([]registry.Registration, error) {
	var list []registry.Registration
	for _, r := range saved {
		n, err := r.Nexus.load()
		if err != nil {
			return nil, err
		}
		list = append(list, registry.Registration{Nexus: n, Key: r.Key, AllTgtPort: r.AllTgtPort, Holder: r.Holder, Stale: r.Stale})
	}
	return list, nil
}

func header(body []byte) []byte {
	sum := model.Digest(body)
	return fmt.Appendf(nil, "%s %d %d %x\n", magic, formatVersion, len(body), sum[:8])
}

// decode reads a state file. Errors: ErrNotSimulated, ErrCorrupt.
func decode(file []byte) (*Machine, error) {
	if !bytes.HasPrefix(file, []byte(magic+" ")) {
		return nil, ErrNotSimulated
	}
	line, body, found := bytes.Cut(file, []byte("\n"))
	number, _, _ := strings.Cut(string(line[min(len(line), len(magic)+1):]), " ")
	if version, err := strconv.Atoi(number); found && err == nil && version != formatVersion {
		return nil, fmt.Errorf("%w: format %d, this program reads %d", ErrCorrupt, version, formatVersion)
	}
	if !found || !bytes.Equal(append(line, '\n'), header(body)) {
		return nil, fmt.Errorf("%w: length or digest is wrong", ErrCorrupt)
	}
	var s savedMachine
	in := json.NewDecoder(bytes.NewReader(body))
	in.DisallowUnknownFields()
	if err := in.Decode(&s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	m, err := s.load()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return m, nil
}

// load makes the machine, whose medium is still missing.
func (s *savedMachine) load() (*Machine, error) {
	cfg, err := s.Config.Complete()
	if err != nil {
		return nil, err
	}
	m := &Machine{Commands: registry.New(&cfg), lastTask: s.LastTask, busy: s.Busy}
	m.Reserved, m.Generation, m.APTPL, m.Listings = s.Reserved, s.Generation, s.APTPL, s.Listings
	for _, x := range s.Sessions {
		n, err := x.Nexus.load()
		if err != nil {
			return nil, err
		}
		m.Sessions = append(m.Sessions, registry.Session{Nexus: n, LoggedIn: x.LoggedIn, Failed: x.Failed, Attentions: x.Attentions})
	}
	if m.Registrations, err = loadRegistrations(s.Registrations); err != nil {
		return nil, err
	}
	if p := s.Past; p != nil {
		was, err := loadRegistrations(p.Registrations)
		if err != nil {
			return nil, err
		}
		m.past = &past{was, p.Reserved, p.Generation}
	}
	for _, x := range s.Tasks {
		t, err := x.load()
		if err != nil {
			return nil, err
		}
		m.tasks = append(m.tasks, t)
	}
	if s.Legacy != (savedNexus{}) {
		if m.legacy, err = s.Legacy.load(); err != nil {
			return nil, err
		}
	}
	if m.faults.Plan, err = ParsePlan(s.Plan); err != nil {
		return nil, err
	}
	m.faults.Hits = s.Hits
	return m, consistent(m)
}

// consistent reports what no sequence of commands can lead to.
func consistent(m *Machine) error {
	if !slices.IsSortedFunc(m.Sessions, func(a, b registry.Session) int { return a.Nexus.Compare(b.Nexus) }) {
		return errors.New("nexuses out of order")
	}
	for i := 1; i < len(m.Sessions); i++ {
		if m.Sessions[i-1].Nexus == m.Sessions[i].Nexus {
			return fmt.Errorf("nexus %s twice", m.Sessions[i].Nexus)
		}
	}
	holders := 0
	for i, r := range m.Registrations {
		if r.Key == 0 {
			return fmt.Errorf("nexus %s has key 0", r.Nexus)
		}
		if r.Holder {
			holders++
		}
		if !r.Stale && m.Exact(r.Nexus) != i {
			return fmt.Errorf("nexus %s is registered twice", r.Nexus)
		}
	}
	switch {
	case m.Reserved != 0 && !m.Reserved.Valid():
		return fmt.Errorf("reservation of %s", m.Reserved)
	case m.Reserved == 0 || m.Reserved.AllRegistrants():
		if holders != 0 {
			return errors.New("a holder without a reservation of its own")
		}
	case holders != 1:
		return fmt.Errorf("%d holders of a reservation", holders)
	}
	if m.Reserved != 0 && len(m.Registrations) == 0 {
		return errors.New("a reservation without registrations")
	}
	if len(m.faults.Hits) != len(m.faults.Plan) || m.busy < 0 {
		return errors.New("counters that fit no plan")
	}
	return nil
}
