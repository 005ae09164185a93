package commands

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"lunguard/commands/front"
	"lunguard/commands/session"
)

// What xterm is sent, and every terminal like it.
const (
	xtermEnter      = "\x1b[?1049h\x1b[?25l"
	xtermLeave      = "\x1b[?25h\x1b[?1049l"
	xtermHome       = "\x1b[H"
	xtermClearLine  = "\x1b[K"
	xtermClearBelow = "\x1b[J"
)

// pty is a terminal of a test: the program's end and ours.
type pty struct {
	program, ours *os.File
	seen          bytes.Buffer
}

// openPTY makes a terminal of that size.
func openPTY(t *testing.T, columns, rows int) *pty {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	t.Cleanup(func() { ours.Close() })
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	t.Cleanup(func() { program.Close() })
	if err := unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: uint16(rows)}); err != nil {
		t.Fatal(err)
	}
	return &pty{program: program, ours: ours}
}

// until reads what the program writes until a text is there, and returns all
// since the last time.
func (p *pty) until(t *testing.T, text string) string {
	t.Helper()
	buf := make([]byte, 4096)
	for !strings.Contains(p.seen.String(), text) {
		n, err := p.ours.Read(buf)
		p.seen.Write(buf[:n])
		if err != nil {
			t.Fatalf("%v before %q came: %q", err, text, p.seen.String())
		}
	}
	got := p.seen.String()
	p.seen.Reset()
	return got
}

// print runs a command on the terminal and returns what it prints.
func (p *pty) print(t *testing.T, getenv func(string) string, argv ...string) string {
	t.Helper()
	status := Run(context.Background(), front.Streams{Out: p.program, Err: io.Discard}, getenv, argv)
	fmt.Fprintf(p.program, "(status %d)", status)
	return strings.ReplaceAll(p.until(t, "(status "), "\r\n", "\n")
}

// The width comes from the terminal, colours are there only where they shall.
func TestTableOnTerminal(t *testing.T) {
	w := newJSONWorld(t)
	p := openPTY(t, 40, 24)
	const esc = "\x1b["
	for name, tc := range map[string]struct {
		env   map[string]string
		color string
		want  bool
	}{
		"terminal":      {map[string]string{"TERM": "xterm"}, "auto", true},
		"never":         {map[string]string{"TERM": "xterm"}, "never", false},
		"NO_COLOR":      {map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, "auto", false},
		"NO_COLOR=":     {map[string]string{"TERM": "xterm", "NO_COLOR": ""}, "auto", true},
		"asked for":     {map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, "always", true},
		"dumb":          {map[string]string{"TERM": "dumb"}, "auto", false},
		"without TERM":  {nil, "auto", false},
		"dumb but told": {map[string]string{"TERM": "dumb"}, "always", true},
	} {
		got := p.print(t, w.env(tc.env), "pr_check", "--table", "--color", tc.color, "pkg1")
		if strings.Contains(got, esc) != tc.want {
			t.Errorf("%s: %q", name, got)
		}
		for line := range strings.Lines(got) {
			if tc.want {
				break
			}
			if len(strings.TrimSuffix(line, "\n")) > 40 {
				t.Errorf("%s: too wide: %q", name, line)
			}
		}
	}
	wide := p.print(t, w.env(map[string]string{"COLUMNS": "200"}), "pr_check", "--table", "pkg1")
	if !strings.Contains(wide, "\nn/m: n of this host's m paths answer; n: registrations of a node") {
		t.Errorf("COLUMNS is not heeded: %q", wide)
	}
}

// On a pipe the frames stand one after the other; what changed is marked.
func TestWatchOnPipe(t *testing.T) {
	for _, argv := range [][]string{{"pr_check", "--watch=0.1", "pkg1"}, {"vg_pr_key", "-g", "--watch=100ms", "iscsi_vg3"}} {
		t.Run(argv[0], func(t *testing.T) {
			w := newJSONWorld(t)
			ctx, cancel := context.WithCancel(context.Background())
			r, out := io.Pipe()
			done := make(chan int)
			go func() {
				done <- Run(ctx, front.Streams{Out: out, Err: io.Discard}, w.env(nil), argv)
				out.Close()
			}()
			lines := bufio.NewScanner(r)
			until := func(start string) (seen []string) {
				for lines.Scan() {
					if seen = append(seen, lines.Text()); strings.HasPrefix(lines.Text(), start) {
						return seen
					}
				}
				t.Fatalf("%q did not come: %q", start, seen)
				return nil
			}
			if first := until("  /dev/mapper/mpathb"); !strings.Contains(first[0], ", node jack3, exit status 0, every 100ms, Ctrl-C ends") {
				t.Errorf("%q", first)
			}
			w.on("jack4", "pr_halt", "pkg1")
			if between := strings.Join(until("> /dev/mapper/mpath"), "\n"); strings.ContainsRune(between, '\x1b') || !strings.Contains(between, "\n\n20") {
				t.Errorf("%q", between)
			}
			// Then all is as it was the time before.
			until("  /dev/mapper/mpathb")
			cancel()
			go io.Copy(io.Discard, r)
			if status := <-done; status != 130 {
				t.Errorf("status %d, 130 expected", status)
			}
		})
	}
}

// On a terminal the frames have a screen of their own, which is left when a
// signal comes, with the status that shells give.
func TestWatchOnTerminal(t *testing.T) {
	w := newJSONWorld(t)
	for sig, want := range map[os.Signal]int{os.Interrupt: 130, syscall.SIGTERM: 143} {
		p := openPTY(t, 90, 24)
		cmd := exec.Command("pr_check", "--watch", "pkg1")
		cmd.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=", "COLUMNS=", "LUNGUARD_CONF="+w.env(nil)(session.ConfigVariable), "LUNGUARD_SIM="+w.env(nil)(front.SimVariable))
		cmd.Stdout, cmd.Stderr = p.program, p.program
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		frame := p.until(t, xtermClearBelow)
		if !strings.HasPrefix(frame, xtermEnter+xtermHome) || !strings.Contains(frame, "/dev/mapper/mpathb") || !strings.Contains(frame, "every 2s") || !strings.Contains(frame, "\x1b[32mup") {
			t.Errorf("%q", frame)
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		p.until(t, xtermLeave)
		err := cmd.Wait()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != want {
			t.Errorf("%v: %v, status %d expected", sig, err, want)
		}
	}
}

// A frame that is too high for the terminal shows what is not well, and says
// how much is left out.
func TestWatchSmallTerminal(t *testing.T) {
	w := newJSONWorld(t)
	w.on("jack3", "lunguard", "sim", "fail-path", "/dev/sda")
	p := openPTY(t, 100, 9)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int)
	go func() {
		done <- Run(ctx, front.Streams{Out: p.program, Err: io.Discard}, w.env(map[string]string{"TERM": "xterm", "NO_COLOR": "1"}), []string{"pr_check", "--watch=0.1", "pkg1", "pkg2"})
	}()
	for range 2 {
		frame := p.until(t, xtermClearBelow)
		lines := strings.Split(strings.ReplaceAll(frame, xtermClearLine, ""), "\r\n")
		if len(lines) > 9 {
			t.Errorf("%d lines on a terminal of 9: %q", len(lines), lines)
		}
		if !strings.Contains(frame, "path /dev/sda does not answer") || !strings.Contains(frame, "more lines") {
			t.Errorf("%q", frame)
		}
	}
	if frame := p.until(t, xtermClearBelow); strings.Contains(frame, "/dev/mapper/mpathb") {
		t.Errorf("a LUN without findings takes the place of others: %q", frame)
	}
	cancel()
	if status := <-done; status != 130 {
		t.Errorf("status %d, 130 expected", status)
	}
}

// pr_list shows its table again and again: on a pipe one after the other, on a terminal in
// the place of the one before, which is left at the end.
func TestWatchList(t *testing.T) {
	w := newJSONWorld(t)
	ctx, cancel := context.WithCancel(context.Background())
	r, out := io.Pipe()
	done := make(chan int)
	go func() {
		done <- Run(ctx, front.Streams{Out: out, Err: io.Discard}, w.env(nil), []string{"pr_list", "--watch=0.1"})
		out.Close()
	}()
	lines := bufio.NewScanner(r)
	for seen, last := 0, ""; seen < 3 && lines.Scan(); last = lines.Text() {
		if strings.ContainsRune(lines.Text(), '\x1b') {
			t.Fatalf("%q", lines.Text())
		}
		if strings.HasSuffix(lines.Text(), ", every 100ms, Ctrl-C ends") {
			if seen++; seen > 1 && last != "" {
				t.Errorf("%q stands before a frame", last)
			}
		}
	}
	cancel()
	go io.Copy(io.Discard, r)
	if status := <-done; status != 130 {
		t.Errorf("status %d, 130 expected", status)
	}

	p := openPTY(t, 120, 40)
	cmd := exec.Command("pr_list", "--watch")
	cmd.Env = append(os.Environ(), "TERM=xterm", "COLUMNS=", "LUNGUARD_CONF="+w.env(nil)(session.ConfigVariable), "LUNGUARD_SIM="+w.env(nil)(front.SimVariable))
	cmd.Stdout, cmd.Stderr = p.program, p.program
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if frame := p.until(t, xtermClearBelow); !strings.HasPrefix(frame, xtermEnter+xtermHome) || !strings.Contains(frame, "/dev/mapper/mpathb") {
		t.Errorf("%q", frame)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.until(t, xtermLeave)
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 143 {
		t.Errorf("%v, status 143 expected", err)
	}
}
