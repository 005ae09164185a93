package deadman

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/watchdog"
	"lunguard/vg"
	"lunguard/vg/simhost"
)

// Applet is pr_watchdog.
func Applet() *front.Applet {
	return &front.Applet{
		Name:    "pr_watchdog",
		Summary: "restart this node when it is fenced, by a watchdog device",
		Usage: `
usage: pr_watchdog [-v] [-w DEVICE] [--wait] [--interval S] [--grace S] [--watchdog-timeout S]
                   [--on-unknown keep|expire] [--on-empty keep|register|expire]
                   [--prometheus FILE] [-C FILE] [-n NODE] [--timeout S] [--sim DIR]
                   [PACKAGE...]

Feeds the watchdog device while this node's key is on every LUN of the packages,
and holds those of failover packages. Once that has not been so for longer than
the grace, it never feeds again, and the kernel restarts the node. Without PACKAGE,
all packages that this node has up.
Stop it before pr_halt: keys that pr_halt takes away are gone, too.

  -w DEVICE      the watchdog device (/dev/watchdog)
  --wait         look at the keys until this node's is on every LUN of the packages,
                 and arm the device then; without PACKAGE, of those that several
                 nodes have at once: for the time before a cluster lets this node in
  --interval S   seconds from one look at the keys to the next (1)
  --grace S      seconds for which a key may be gone (5)
  --watchdog-timeout S  whole seconds from the last feed to the restart (10)
  --on-unknown keep     an unreadable LUN is warned of, no more (the default)
  --on-unknown expire   an unreadable LUN counts as one whose key is gone
  --on-empty keep       a LUN on which nobody is registered any more, which no fence
                        leaves, is an alarm, no more (the default)
  --on-empty register   the same, and this node registers again if nobody is there
  --on-empty expire     it counts as one whose key is gone
  --prometheus FILE     write what is known of each LUN for node_exporter's textfile
                        collector
  -v             say what happens to paths, too
  -C FILE        cluster config (else $LUNGUARD_CONF, /etc/lunguard/cluster.conf)
  -n NODE        which node this is (else $SG_NODE, the short host name)
  --timeout S    seconds that a look waits for answers (half the interval)
  --no-lvm       find volume groups by what lvm2 wrote on the disks, without it
  --scan GLOB    as --no-lvm, on these device files only; may be given again
  --sim DIR      work on a simulated host (else $LUNGUARD_SIM)
  --log WHERE    log what happens to syslog (the default), stderr or none

SIGTERM and SIGINT disarm the device and end it, SIGHUP reads the config again.
After the grace no signal helps.

exit status: 0 ended in order; 1 usage or config; 2 trouble with a LUN or the
device on this node`,
		Flags: []cli.Flag{
			front.VerboseFlag(), session.ConfigFlag(), session.NodeFlag(), session.TimeoutFlag(), front.SimFlag(), session.NoLVMFlag(), session.ScanFlag(), front.LogFlag(),
			front.Offering(&cli.StringFlag{Name: "device", Aliases: []string{"w"}, Value: "/dev/watchdog"}, session.CompleteDevices("/dev/watchdog*")),
			&cli.BoolFlag{Name: "wait"}, &cli.StringFlag{Name: "interval"}, &cli.StringFlag{Name: "grace"},
			&cli.StringFlag{Name: "watchdog-timeout"},
			front.Offering(&cli.StringFlag{Name: "on-unknown", Value: onUnknownKeep}, front.OneOf(onUnknownKeep, onUnknownExpire)),
			front.Offering(&cli.StringFlag{Name: "on-empty", Value: string(watchdog.KeepEmpty)},
				front.OneOf(string(watchdog.KeepEmpty), string(watchdog.RegisterEmpty), string(watchdog.ExpireEmpty))),
			front.Offering(&cli.StringFlag{Name: "prometheus"}, front.OneOf(front.ShellFiles)),
		},
		Operands: session.CompletePackages, OwnSignals: true, Run: runWatchdog,
	}
}

// Values of --on-unknown.
const (
	onUnknownKeep   = "keep"
	onUnknownExpire = "expire"
)

// Times, unless flags say otherwise.
const (
	watchInterval = time.Second
	watchGrace    = 5 * time.Second
	watchTimeout  = 10 * time.Second
)

// deadman is pr_watchdog under way.
type deadman struct {
	*front.Call
	host   vg.Host
	node   cluster.Node
	names  []string // of the packages, none for all that are up
	timing watchdog.Timing
	expire bool // unknown counts as gone
	// onEmpty is what a LUN that has forgotten everybody does.
	onEmpty watchdog.OnEmpty
	device  watchDevice
	alarm   watchdog.Alarm
	lines   *lineQueue
	// now is what is watched; a reload replaces it, from a goroutine of its own.
	now      atomic.Pointer[scope]
	notifier *watchdog.Notifier
	restorer *restorer
	metrics  *metricsFile
}

// scope is what is watched: the LUNs, by a config, which has the names of nodes,
// too. It is never changed.
type scope struct {
	conf *cluster.Config
	luns []*watchdog.LUN
}

// conf is the config by which LUNs are watched.
func (d *deadman) conf() *cluster.Config { return d.now.Load().conf }

// luns are those that are watched.
func (d *deadman) luns() []*watchdog.LUN { return d.now.Load().luns }

// watchDevice is a watchdog device before and while it is armed.
type watchDevice interface {
	watchdog.Device
	arm(t watchdog.Timing) error
	// words says what it is, and what there is to warn of.
	words() (what string, warnings []string)
}

func runWatchdog(c *front.Call) error {
	// Before anything is armed, and until the process exits: by default SIGHUP
	// ends it, and so does a reader of its output that has died.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE)
	d := &deadman{Call: c, names: c.Operands()}
	if err := d.settings(); err != nil {
		return err
	}
	s, err := session.New(c)
	if err != nil {
		return err
	}
	d.now.Store(&scope{conf: s.Conf})
	d.host, d.node = s.Host, s.Node
	d.chooseDevice()
	d.notifier = watchdog.NewNotifier(d.Getenv, watchdog.Boottime)
	d.lines = newLineQueue()
	defer d.lines.close()
	if rec := c.Recorder(); rec != nil {
		// Nobody who reads, or does not read, may hold the watch up.
		rec.Print = func(format string, args ...any) { d.lines.say(d.Err, format, args...) }
	}
	begin := atOnce
	if c.Flags.Bool("wait") {
		begin = waitFor
	}
	now, err := begin(d, s.Conf, hangup)
	if err != nil || d.Ctx.Err() != nil {
		return err
	}
	d.now.Store(now)
	return d.run(hangup)
}

// atOnce is the LUNs to watch as they are now.
func atOnce(d *deadman, conf *cluster.Config, _ <-chan os.Signal) (*scope, error) {
	luns, err := d.plan(conf, nil)
	return &scope{conf, luns}, err
}

// settings reads the flags.
func (d *deadman) settings() (err error) {
	if d.timing.Interval, err = d.seconds("interval", watchInterval); err != nil {
		return err
	}
	if d.timing.Grace, err = d.seconds("grace", watchGrace); err != nil {
		return err
	}
	if d.timing.Timeout, err = d.seconds("watchdog-timeout", watchTimeout); err != nil {
		return err
	}
	if d.timing.Answer, err = d.seconds("timeout", d.timing.Interval/2); err != nil {
		return err
	}
	if err := d.timing.Check(); err != nil {
		return front.Usagef("%v", err)
	}
	if d.Flags.IsSet("prometheus") && d.Flags.String("prometheus") == "" {
		return front.Usagef("--prometheus needs the name of a file")
	}
	switch how := watchdog.OnEmpty(d.Flags.String("on-empty")); how {
	case watchdog.KeepEmpty, watchdog.RegisterEmpty, watchdog.ExpireEmpty:
		d.onEmpty = how
	default:
		return front.Usagef("--on-empty %s: keep, register or expire was expected", how)
	}
	switch how := d.Flags.String("on-unknown"); how {
	case onUnknownKeep:
	case onUnknownExpire:
		d.expire = true
	default:
		return front.Usagef("--on-unknown %s: %s or %s was expected", how, onUnknownKeep, onUnknownExpire)
	}
	return nil
}

// seconds reads a flag with a time: seconds, or a number with a unit.
func (d *deadman) seconds(flag string, otherwise time.Duration) (time.Duration, error) {
	text := d.Flags.String(flag)
	if !d.Flags.IsSet(flag) {
		return otherwise, nil
	}
	unit := ""
	if strings.Trim(text, "0123456789.") == "" {
		unit = "s"
	}
	t, err := time.ParseDuration(text + unit)
	if err != nil || t < 0 {
		return 0, front.Usagef("--%s %s: seconds were expected, such as 5, or a number with a unit, such as 500ms", flag, text)
	}
	return t, nil
}

// chooseDevice finds out what is armed and where an alarm goes: on a simulated
// host nothing but a file.
func (d *deadman) chooseDevice() {
	name := d.Flags.String("device")
	if _, ok := d.host.(*simhost.Host); !ok {
		d.device, d.alarm = &kernelDevice{watchdog.NewKernel(name)}, watchdog.SystemAlarm()
		return
	}
	d.device = &fileDevice{watchdog.File{Path: filepath.Join(d.Simulated(), filepath.Clean("/"+name)), Name: name}}
}

// real reports whether the host is no simulated one.
func (d *deadman) real() bool {
	_, ok := d.host.(*simhost.Host)
	return !ok
}

// run arms the device and watches until somebody ends it.
func (d *deadman) run(hangup <-chan os.Signal) error {
	if d.real() {
		d.privileges()
	}
	w := d.watch()
	if hints := hintsFor(d); hints != nil {
		defer hints.Close()
		w.Hint = hints.C
	}
	w.Watch(d.luns())
	err := d.device.arm(d.timing)
	d.record(front.DeedArm, nil, err)
	if err != nil {
		return err
	}
	d.sayBegin()
	d.restorer = newRestorer(d)
	d.metrics = newMetricsFile(d.Flags.String("prometheus"), d.node.Name, d.sayErr)
	defer d.metrics.close()
	changes := make(chan []*watchdog.LUN)
	go d.reloads(hangup, changes)
	w.Run(d.Ctx, changes)
	d.notifier.Tell("STOPPING=1")
	err = d.device.Close()
	d.record(front.DeedDisarm, nil, err)
	if err != nil {
		return err
	}
	d.restorer.wait()
	d.lines.say(d.Out, "%s: disarmed, ended in order", d.Flags.String("device"))
	return nil
}

// privileges takes what keeps the process going on a machine in trouble.
func (d *deadman) privileges() {
	for _, take := range []func() error{watchdog.LockMemory, watchdog.RealTime} {
		if err := take(); err != nil {
			d.Warn("%v; on a machine in trouble the feeding may come too late", err)
		}
	}
}

// hintsFor are what the kernel tells of reservations, which only NVMe controllers announce;
// nil where it tells nothing, which costs no more than time.
func hintsFor(d *deadman) *watchdog.Hints {
	if !d.real() {
		return nil
	}
	hints, err := watchdog.ListenHints()
	if err != nil {
		d.Warn("%v; a fence on a namespace is noticed at the next look, not at once", err)
		return nil
	}
	return hints
}

// watch is the watch as the flags want it.
func (d *deadman) watch() *watchdog.Watch {
	ready, watching := false, d.watching()
	return &watchdog.Watch{
		Timing: d.timing, Key: d.node.Key, ExpireUnknown: d.expire, Clock: watchdog.Boottime,
		Device: d.device, Log: d.event,
		Alarm:   func() { d.raise(watchdog.Deadman) },
		OnEmpty: d.onEmpty, Forgotten: func() { d.raise(watchdog.Forgotten) },
		Restore: func(l *watchdog.LUN) { d.restorer.restore(l.Package) },
		Passed:  func(list []watchdog.Status) { d.metrics.take(list, watchdog.Boottime()) },
		Alive: func() {
			if !ready {
				ready = true
				d.notifier.Tell("READY=1\nSTATUS=" + watching)
			}
			d.notifier.Alive()
		},
	}
}

// raise tells the world that this node is given up, or not protected.
func (d *deadman) raise(alarm string) {
	d.lines.say(d.Err, "%s: error: %s", d.Prog(), alarm)
	d.notifier.Tell("STATUS=" + alarm)
	d.alarm.Raise(d.Prog(), alarm, func(place string, err error) {
		if err != nil {
			d.lines.say(d.Err, "%s: warning: %s: %v", d.Prog(), place, err)
		}
	})
}

// reloads reads the config again for each SIGHUP. What cannot be watched for
// sure changes nothing.
func (d *deadman) reloads(hangup <-chan os.Signal, changes chan<- []*watchdog.LUN) {
	for range hangup {
		now, err := d.reload()
		if err != nil {
			d.sayErr(err)
			d.lines.say(d.Err, "%s: warning: reload failed: goes on with what it has watched, %s", d.Prog(), d.watching())
			continue
		}
		select {
		case changes <- now.luns:
		case <-d.Ctx.Done():
			return
		}
		d.now.Store(now)
		d.lines.say(d.Out, "reloaded: %s", d.watching())
		d.notifier.Tell("STATUS=" + d.watching())
	}
}

// reload reads the config and finds the LUNs to watch from now on.
func (d *deadman) reload() (*scope, error) {
	conf, err := session.ReadConfig(d.Call)
	if err != nil {
		return nil, err
	}
	node, err := conf.Node(d.node.Name)
	if err != nil {
		return nil, err
	}
	if node.Key != d.node.Key {
		return nil, fmt.Errorf("%s: the key of %s is %s now, %s is watched: a new key needs a new start", conf.Path, node.Name, node.Key, d.node.Key)
	}
	luns, err := d.plan(conf, d.luns())
	return &scope{conf, luns}, err
}
