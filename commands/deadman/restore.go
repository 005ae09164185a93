package deadman

import (
	"context"
	"io"
	"strings"
	"sync"
	"time"

	"lunguard/commands/front"
	"lunguard/commands/session"
)

// restoreLimit is how long the end waits for a node that is being registered again.
const restoreLimit = 5 * time.Second

// restorer registers this node again on packages whose LUNs have forgotten it, beside
// the watch, which goes on. It takes nothing from anybody: see [protocol.Run.Restore].
type restorer struct {
	*deadman
	mu sync.Mutex
	// busy are the packages that are at hand, failed why the last attempt at each has
	// failed.
	busy   map[string]bool
	failed map[string]string
	under  sync.WaitGroup
}

func newRestorer(d *deadman) *restorer {
	return &restorer{deadman: d, busy: map[string]bool{}, failed: map[string]string{}}
}

// restore begins with a package, unless it is at hand. It does not block.
func (r *restorer) restore(pkg string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy[pkg] {
		return
	}
	r.busy[pkg] = true
	r.under.Go(func() {
		defer func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			delete(r.busy, pkg)
		}()
		r.say(pkg, r.run(pkg))
	})
}

// run registers this node on the LUNs of a package. Once begun it is brought to its
// end: a signal asks for the end of the watch, not of the package.
func (r *restorer) run(name string) error {
	conf := r.conf()
	pkg, err := conf.Package(name)
	if err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.Ctx)
	c := r.Beside(ctx, front.Streams{Out: lineWriter{r.lines, r.Out}, Err: lineWriter{r.lines, r.Err}})
	s := session.On(c, conf, r.host, r.node)
	return s.WithPackage(pkg, func(run *session.PackageRun, _ *session.Opened) error {
		if err := session.DiaryOf(s).Recall(run); err != nil {
			return err
		}
		return run.Restore(ctx)
	})
}

// say tells how an attempt has ended; why it has failed once, as long as it is the same.
func (r *restorer) say(pkg string, err error) {
	e := front.NewEntry(front.DeedRestore)
	e.Field(front.FieldPackage, pkg)
	e.Field(front.FieldNode, r.node.Name)
	e.Result(err)
	r.write(e)
	text := ""
	if err != nil {
		text = err.Error()
	}
	r.mu.Lock()
	again := r.failed[pkg] == text
	r.failed[pkg] = text
	r.mu.Unlock()
	switch {
	case err == nil:
		r.lines.say(r.Out, "package %s: registered again", pkg)
	case !again:
		r.sayErr(err)
	}
}

// wait waits for what is at hand, but not for long.
func (r *restorer) wait() {
	done := make(chan struct{})
	go func() {
		r.under.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(restoreLimit):
	}
}

// lineWriter prints by way of a queue: nobody who does not read holds anything up.
type lineWriter struct {
	lines *lineQueue
	to    io.Writer
}

func (w lineWriter) Write(text []byte) (int, error) {
	w.lines.say(w.to, "%s", strings.TrimSuffix(string(text), "\n"))
	return len(text), nil
}
