package deadman

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/watchdog"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
	"lunguard/vg/simhost"
)

// oneLUN is the config of a package of one LUN.
const oneLUN = `CLUSTER_PR_TAG 0xbcb0
NODE_NAME jack3
NODE_ID 1
NODE_NAME jack4
NODE_ID 2
package_name pkg1
package_type multi_node
pv /dev/sda
`

// newDeadman is pr_watchdog on jack3 of a simulated array, where this node is
// registered on the one LUN.
func newDeadman(t *testing.T, args ...string) *deadman {
	t.Helper()
	dir := t.TempDir()
	if _, err := simhost.CreateArray(dir, simhost.Spec{Nodes: []string{"jack3", "jack4"}, LUNs: 1, Paths: 1, LUN: simlun.Config{Blocks: 16}}); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "conf")
	if err := os.WriteFile(conf, []byte(oneLUN), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{front.SimVariable: filepath.Join(dir, "jack3"), session.ConfigVariable: conf}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	c := front.NewCall(ctx, Applet(), front.Streams{Out: io.Discard, Err: io.Discard}, func(name string) string { return env[name] })
	if err := c.Parse(Applet().Flags, append(args, "--"), func(*front.Call) error { return nil }); err != nil {
		t.Fatal(err)
	}
	s, err := session.New(c)
	if err != nil {
		t.Fatal(err)
	}
	d := &deadman{Call: c, host: s.Host, node: s.Node, lines: newLineQueue(), notifier: watchdog.NewNotifier(c.Getenv, watchdog.Boottime)}
	t.Cleanup(d.lines.close)
	if err := d.settings(); err != nil {
		t.Fatal(err)
	}
	d.now.Store(&scope{conf: s.Conf})
	register(t, d, s.Node)
	luns, err := d.plan(s.Conf, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.now.Store(&scope{s.Conf, luns})
	t.Cleanup(func() {
		for _, l := range d.luns() {
			l.Close()
		}
	})
	return d
}

// register registers a node on the LUN of jack3.
func register(t *testing.T, d *deadman, n cluster.Node) {
	t.Helper()
	path, err := d.host.(*simhost.Host).OpenName("/dev/sda")
	if err != nil {
		t.Fatal(err)
	}
	defer path.Close()
	if err := scsi.NewUnit("/dev/sda", &scsi.Retry{Transport: path}).RegisterAndIgnore(t.Context(), n.Key, false); err != nil {
		t.Fatal(err)
	}
}

// A signal that ends the watch beside one that reads the config anew: what one
// goroutine replaces the other one reads. The race detector is what looks.
func TestEndBesideReload(t *testing.T) {
	d := newDeadman(t)
	hangup, changes := make(chan os.Signal, 1), make(chan []*watchdog.LUN)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.reloads(hangup, changes)
	}()
	hangup <- syscall.SIGHUP
	if luns := <-changes; len(luns) != 1 {
		t.Errorf("%d LUNs", len(luns))
	}
	d.record(front.DeedDisarm, nil, nil)
	close(hangup)
	<-ended
	if len(d.luns()) != 1 || d.conf() == nil {
		t.Errorf("%d LUNs, config %v", len(d.luns()), d.conf())
	}
}
