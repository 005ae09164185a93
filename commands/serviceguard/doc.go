// Package serviceguard has the commands of Serviceguard, by its names and options:
// cmcheckconf, cmapplyconf, cmviewcl, cmgetpkgenv, cmgetconf, cmmakepkg, cmmodpkg,
// cmrunpkg, cmhaltpkg, cmrunserv, cmhaltserv, and pr_cntl, which is an external script of
// its packages. docs/serviceguard.md compares them with the vendor's.
package serviceguard
