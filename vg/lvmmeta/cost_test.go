package lvmmeta

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"lunguard/vg/lvmmeta/lvmtest"
)

// hostile are texts that are as large as a text may be, and made to cost.
func hostile() map[string]string {
	fill := func(begin, end string, each func(i int) string) string {
		var b strings.Builder
		b.Grow(MaxText)
		b.WriteString(begin)
		for i := 0; ; i++ {
			one := each(i)
			if b.Len()+len(one)+len(end) >= MaxText {
				break
			}
			b.WriteString(one)
		}
		b.WriteString(end)
		return b.String()
	}
	usual := group().Text()
	pvs := strings.Index(usual, "physical_volumes {") + len("physical_volumes {")
	lvs := strings.Index(usual, "logical_volumes {") + len("logical_volumes {")
	top := strings.Index(usual, "{") + 1
	at := func(i int, each func(i int) string) string { return fill(usual[:i], usual[i:], each) }
	pv := func(i int) string { return fmt.Sprintf("p%d{id=\"%032d\" device=\"/dev/x\"}", i, i) }
	return map[string]string{
		"comment":                at(top, func(int) string { return "#\n" }),
		"settings":               at(top, func(i int) string { return fmt.Sprintf("a%d=1\n", i) }),
		"one array":              fill(usual[:top]+"a=[0", "]"+usual[top:], func(int) string { return ",1" }),
		"one array that is kept": fill(usual[:lvs]+"l{s{stripes=[\"pv0\"", "]}}"+usual[lvs:], func(int) string { return ",\"\"" }),
		"escapes":                fill(usual[:top]+"a=\"", "\""+usual[top:], func(int) string { return "\\\\" }),
		"names with escapes":     at(top, func(i int) string { return fmt.Sprintf("\"\\a%d\"=1\n", i) }),
		"sections":               at(top, func(i int) string { return fmt.Sprintf("a%d{}", i) }),
		"sections in sections":   at(top, func(i int) string { return fmt.Sprintf("a%d{b{c{d=\"\"}}}", i) }),
		"physical volumes":       at(pvs, pv),
		"empty physical volumes": at(pvs, func(i int) string { return fmt.Sprintf("p%d{}", i) }),
		"settings of a PV":       at(pvs, func(i int) string { return fmt.Sprintf("p%d{id=[] device=[] dev_size=[] status=[] flags=[]}", i) }),
		"logical volumes":        at(lvs, func(i int) string { return fmt.Sprintf("l%d{s{stripes=[\"pv0\",0] mirrors=[\"pv1\",0]}}", i) }),
		"segments":               fill(usual[:lvs]+"l{", "}"+usual[lvs:], func(i int) string { return fmt.Sprintf("s%d{}", i) }),
		"groups":                 fill("", usual, func(i int) string { return fmt.Sprintf("g%d{}", i) }),
		"a hint":                 fill(strings.Replace(usual, "/dev/sda\"", "", 1)[:strings.Index(usual, "/dev/sda")], usual[strings.Index(usual, "/dev/sda"):], func(int) string { return "x" }),
	}
}

// allocated is how much memory f takes, what it gives back meanwhile included.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// hostileDisk has two such areas, which differ.
func hostileDisk(t *testing.T, text string) []byte {
	t.Helper()
	const area = MaxText + 1<<20
	other := text[:len(text)-1] + "\t"
	return lvmtest.Disk{UUID: lvmtest.UUID("pv0"), Size: 4096 + 2*area, Areas: []lvmtest.Area{
		{Start: 4096, Size: area, Text: text, Offset: 512}, {Start: 4096 + area, Size: area, Text: other, Offset: 512},
	}}.Image()
}

// most is what one disk may cost in memory, whatever is on it.
const most = 100 << 20

// Whatever lies on a disk, and in however many areas, it is read with little memory.
func TestCost(t *testing.T) {
	if raceEnabled {
		t.Skip("nothing here is beside anything else")
	}
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			image := hostileDisk(t, text)
			var v *Volume
			n := allocated(func() {
				var err error
				if v, err = NewReader().Read(bytes.NewReader(image), int64(len(image))); err != nil {
					t.Error(err)
				}
			})
			t.Logf("%.1f MB, %d groups, damage %v", float64(n)/(1<<20), len(v.Groups), v.Damage)
			if n > most {
				t.Errorf("%d bytes", n)
			}
		})
	}
}

// Large texts of several disks are in memory one after the other.
func TestCostAtOnce(t *testing.T) {
	image := hostileDisk(t, group().Text()+strings.Repeat("#\n", 1<<20))
	r := NewReader()
	w := &watched{reader: bytes.NewReader(image)}
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if _, err := r.Read(w.device(), int64(len(image))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if w.most != 1 {
		t.Errorf("%d disks had a large text in memory at once", w.most)
	}
}

// watched counts the devices of which a text is being read.
type watched struct {
	reader *bytes.Reader
	mu     sync.Mutex
	under  map[*watchedDevice]bool
	most   int
}

type watchedDevice struct{ *watched }

func (w *watched) device() *watchedDevice { return &watchedDevice{w} }

// ReadAt reads. Behind the first piece of a text follow those of the same text; a
// header ends it.
func (d *watchedDevice) ReadAt(b []byte, off int64) (int, error) {
	d.mu.Lock()
	if d.under == nil {
		d.under = map[*watchedDevice]bool{}
	}
	if delete(d.under, d); len(b) > HeadSize {
		d.under[d] = true
	}
	d.most = max(d.most, len(d.under))
	d.mu.Unlock()
	n, err := d.reader.ReadAt(b, off)
	if len(b) > HeadSize && len(b) < smallText {
		// The last piece.
		d.mu.Lock()
		delete(d.under, d)
		d.mu.Unlock()
	}
	return n, err
}
