//go:build lab

package guest

import ("testing";"time")

func TestExplore(t *testing.T) {
	s := time.Now()
	c := rawCluster(t, 3)
	t.Log("setup", time.Since(s)); s=time.Now()
	typed(t, c.jack3, "pr_start -v pkg1")
	t.Log("start", time.Since(s)); s=time.Now()
	c.wantOwner(t, c.jack3)
	t.Log("witness", time.Since(s)); s=time.Now()
	typed(t, c.jack3, "pr_start -v pkg1")
	t.Log("start", time.Since(s)); s=time.Now()
	TraceCommands(t)
	typed(t, c.jack3, "pr_halt -v pkg1")
	t.Log("halt", time.Since(s)); s=time.Now()
	typed(t, c.jack3, "pr_start -v pkg1")
	t.Log("start", time.Since(s)); s=time.Now()
	for _, k := range c.jack3.Commands(t) { t.Logf("%+v", k) }
	typed(t, c.jack4, "pr_start -v pkg1")
	typed(t, c.jack3, "pr_halt -v pkg1")
	typed(t, c.jack3, "pr_halt pkg1")
	typed(t, c.jack4, "vg_pr_key -g -v x")
}
