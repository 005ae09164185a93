#!/bin/sh
# check.sh: is a release what it should be? Makes it twice, for all processors, the second
# time in another folder, with another umask, time zone and language, and compares; asks
# lintian and rpmlint; compares what is in the packages, and what make install lays out,
# with testdata/packages (UPDATE=1 writes it); unpacks, calls every command and looks up
# every page; installs, upgrades, downgrades and removes. Exit status 1: something is wrong.
set -eu
umask 022
cd "$(dirname "$0")/../.."
need() { sh testdata/need.sh "$@"; }
has() { command -v "$1" >/dev/null; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
bad() { echo "packages: $*" >&2; status=1; }

# golden FILE: compares the standard input with testdata/packages/FILE.
golden() {
	if [ -n "${UPDATE:-}" ]; then
		cat >"testdata/packages/$1"
	else
		diff -u "testdata/packages/$1" - || bad "not the files of testdata/packages/$1 (UPDATE=1 writes it)"
	fi
}

# listed DIR: type, mode and name of all that is in a folder. The folders on
# the way are left out.
listed() {
	(cd "$1" && find . -mindepth 1 '(' -type d -empty -o ! -type d ')' \
		'(' -type l -printf 'link /%P -> %l\n' -o -type d -printf '%m /%P/\n' -o -printf '%m /%P\n' ')') | LC_ALL=C sort -k 2
}

# copied FROM TO: the sources as they are in FROM, committed in TO and tagged as the release
# that CHANGELOG.md has. Each copy has the same commit.
copied() {
	mkdir "$2"
	tar -cf - -C "$1" --exclude=./.git --exclude=./.cache --exclude=./bin . | tar -xf - -C "$2"
	(
		cd "$2"
		export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_DATE='1790000000 +0000' GIT_COMMITTER_DATE='1790000000 +0000'
		git -c init.defaultBranch=main init -q
		git add -A
		git -c user.name=a -c user.email=a@b commit -q -m release
		git tag "v$version"
	)
}

# twice: the same release, from elsewhere, by somebody else, later.
twice() {
	copied . "$work/first"
	(cd "$work/first" && OUT=$work/once KINDS=$kinds sh dist/release.sh "$version" >/dev/null)
	(
		umask 077
		copied "$work/first" "$work/second"
		cd "$work/second"
		TZ=Pacific/Auckland LC_ALL=C OUT=$work/again KINDS=$kinds sh dist/release.sh "$version" >/dev/null
	)
	rm -rf "$work/second"
	(cd "$work/once" && sha256sum --quiet -c SHA256SUMS) || bad "the checksums are wrong"
	diff -r "$work/once" "$work/again" >"$work/differ" || bad "two builds differ: $(cat "$work/differ")"
	[ "$("$binary" --version)" = "lunguard v$version" ] || bad "the binary says $("$binary" --version)"
	grep -q "\"version\": \"v$version\"" "$binary.cdx.json" || bad "the list of parts is of another version"
	for what in "lunguard-$version-linux" $kinds; do
		[ "$(ls "$work/once" | grep -c "$what\(-a[a-z0-9]*\)\{0,1\}$")" = 2 ] || bad "there are not two of $what"
	done
}

# unpacked: the commands run, and man finds the pages, in a tree nobody installed.
unpacked() {
	tree=$work/deb
	names=$(sed -n 's/^\([a-z][a-z_]*\)	.*/\1/p' dist/links)
	for name in lunguard $names; do
		set -- "$tree"/usr/sbin/$name "$tree"/usr/lib/lunguard/bin/$name
		[ -x "$1" ] || shift
		"$1" --help 2>&1 | grep -qi "^usage: $name" || bad "$name --help does not show its usage"
	done
	for exec in $(sed -n 's/^[A-Z][A-Za-z]*=-\{0,1\}\(\/[^ ]*\).*/\1/p; s/.*RUN+="\(\/[^ ]*\).*/\1/p' \
		"$tree"/usr/lib/systemd/system/* "$tree"/usr/lib/udev/rules.d/* | grep -v -e ^/bin/ -e ^/usr/bin/systemctl$ -e ^/etc/lunguard$ -e ^/var/lib/prometheus/); do
		[ -x "$tree$exec" ] || bad "a unit or rule calls $exec, which is not there"
	done
	if grep -rn /usr/local "$tree/usr/lib"; then
		bad "a unit or rule has a path of make install"
	fi
	if grep -r @ "$tree/usr/lib/systemd/system" "$tree/usr/lib/udev" | grep -q '@[A-Z]*@'; then
		bad "a unit or rule has a variable left"
	fi
	has man || return 0
	for page in "$tree"/usr/share/man/man*/*.gz; do
		file=${page##*/} && file=${file%.gz}
		set -- "${file##*.} ${file%.*}"
		# Of several pages of a name, man shows that of section 8.
		[ "$(ls "$tree"/usr/share/man/man*/"${file%.*}".* | wc -l)" -gt 1 ] || set -- "$@" "${file%.*}"
		for words; do
			found=$(MANPATH=$tree/usr/share/man man -w $words) || found=nothing
			[ "$(readlink -f "$found")" = "$(readlink -f "$page")" ] || bad "man $words finds $found"
		done
		MANPATH=$tree/usr/share/man man -E UTF-8 "${file##*.}" "${file%.*}" 2>&1 >/dev/null | grep . && bad "man complains of $file"
	done
	for words in vg_pr_key '8 vg_pr_key' '1m vg_pr_key' sg_persist '8 sg_persist' '8lunguard sg_persist'; do
		MANPATH=$tree/usr/share/man man -w $words >/dev/null || bad "man $words finds nothing"
	done
	# With sg3_utils beside it, theirs is theirs.
	echo '.TH SG_PERSIST 8' | gzip -n >"$tree/usr/share/man/man8/sg_persist.8.gz"
	for words in '8 sg_persist' '8lunguard sg_persist'; do
		found=$(MANPATH=$tree/usr/share/man man -w $words) || found=nothing
		[ "${found##*/sg_persist.}" = "${words% *}.gz" ] || bad "beside sg3_utils, man $words finds $found"
	done
}

# installed: make install by hand, and away again.
installed() {
	for again in first second; do
		DESTDIR=$work/install PREFIX=/usr/local sh dist/install.sh install
	done
	listed "$work/install" | golden install.list
	(cd "$work/install" && find . ! -type d -printf '/%P\n') | LC_ALL=C sort >"$work/there"
	PREFIX=/usr/local sh dist/install.sh list | grep -v '/$' | LC_ALL=C sort | diff "$work/there" - || bad "install.sh lists other files than it installs"
	DESTDIR=$work/install PREFIX=/usr/local sh dist/install.sh uninstall
	(cd "$work/install" && find . ! -type d -o -path '*lunguard*') | grep . && bad "make uninstall leaves something"
	mkdir -p "$work/install/usr/local/sbin" && echo mine >"$work/install/usr/local/sbin/pr_start"
	for what in install uninstall; do
		DESTDIR=$work/install PREFIX=/usr/local sh dist/install.sh $what 2>/dev/null && [ $what = install ] && bad "make install replaces what is not its own"
		[ "$(cat "$work/install/usr/local/sbin/pr_start")" = mine ] || bad "make $what destroys what is not its own"
	done
}

# sandbox DIR: a root with a shell and what the scripts of the packages call.
sandbox() {
	mkdir -p "$1/bin" "$1/usr/bin" "$1/tmp" "$1/var/lib/dpkg/updates" "$1/var/lib/dpkg/info" "$1/dev"
	: >"$1/var/lib/dpkg/status" >"$1/dev/null"
	busybox=$(command -v busybox)
	for file in "$busybox" $(ldd "$busybox" 2>/dev/null | grep -o '/[^ ]*'); do
		mkdir -p "$1${file%/*}"
		cp -L "$file" "$1$file"
	done
	for name in sh cat cut grep readlink; do
		ln -s "$busybox" "$1/bin/$name"
	done
}

# root COMMAND...: as root, or as one that may change roots.
root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else unshare -r "$@"; fi
}

# pack VERB [FILE]: the package in $tree, by the tool of its kind.
pack() {
	case $kind.$1 in
	deb.install) root dpkg --root="$tree" --log=/dev/null --force-not-root --install "$2" ;;
	deb.remove) root dpkg --root="$tree" --log=/dev/null --force-not-root --remove lunguard ;;
	deb.verify) root dpkg --root="$tree" --verify lunguard ;;
	rpm.install) root rpm --root="$tree" --nodeps --nosignature --oldpackage -U "$2" ;;
	rpm.remove) root rpm --root="$tree" --nodeps --erase lunguard ;;
	rpm.verify) root rpm --root="$tree" --nodeps --verify lunguard ;;
	esac >"$work/said" 2>&1
}

# now BINARY FILE: that binary is installed with all that belongs to it, a file is there or
# (with ! before it) not, and what the administrator has is as it was.
now() {
	cmp -s "$1" "$tree/usr/sbin/lunguard" || bad "$kind: after $step it is not the binary of the package"
	case $2 in
	!*) [ ! -e "$tree${2#!}" ] || bad "$kind: after $step ${2#!} is left" ;;
	*) [ -e "$tree$2" ] || bad "$kind: after $step there is no $2" ;;
	esac
	pack verify && [ ! -s "$work/said" ] || bad "$kind: after $step: $(cat "$work/said")"
	[ "$(cat "$tree/etc/lunguard/cluster.conf")" = mine ] || bad "$kind: $step has changed the config"
}

# moved KIND: up from an older version that has another binary and a file more, down again,
# and away, which is refused while something runs; none of the rest is.
moved() {
	kind=$1 tree=$work/$1-root gone=/usr/share/doc/lunguard/gone.md
	sandbox "$tree"
	newer=$(ls "$work"/once/*"$(machine)".$kind) older=$(ls "$work"/older/*.$kind)
	step='the installation' && pack install "$older" || bad "$kind: $step fails: $(cat "$work/said")"
	echo mine >"$tree/etc/lunguard/cluster.conf"
	now "$work/older.bin" $gone
	mkdir -p "$tree/proc/77"
	ln -s /usr/sbin/lunguard "$tree/proc/77/exe"
	echo pr_watchdog >"$tree/proc/77/comm"
	step='the upgrade' && pack install "$newer" || bad "$kind: $step fails: $(cat "$work/said")"
	now "$binary" !$gone
	step='the downgrade' && pack install "$older" || bad "$kind: $step fails: $(cat "$work/said")"
	now "$work/older.bin" $gone
	step='the second upgrade' && pack install "$newer" || bad "$kind: $step fails: $(cat "$work/said")"
	now "$binary" !$gone
	step='the refused removal'
	! pack remove || bad "$kind: it is removed while something runs"
	grep -q 'pr_watchdog (process 77)' "$work/said" || bad "$kind: $step says: $(cat "$work/said")"
	now "$binary" !$gone
	rm -r "$tree/proc/77"
	pack remove || bad "$kind: the removal fails: $(cat "$work/said")"
	(cd "$tree" && find . -path '*lunguard*' ! -path './var/lib/*' ! -type d) >"$work/left"
	[ "$(cat "$work/left")" = ./etc/lunguard/cluster.conf ] || bad "$kind: the removal leaves: $(cat "$work/left")"
}

# machine: how the packages of a kind call this processor.
machine() {
	case $kind in
	deb) dpkg --print-architecture ;;
	rpm) uname -m ;;
	esac
}

need man man-db
need lintian lintian
need dpkg-deb dpkg
need rpmbuild rpm
need cpio cpio
need rpmlint rpmlint
need busybox busybox
kinds=
! has dpkg-deb || kinds=deb
! has rpmbuild || kinds="$kinds rpm"
version=$(sed -n 's/^## \([0-9.]*\).*/\1/p' CHANGELOG.md | head -n 1)
binary=$work/once/lunguard-$version-linux-$(go env GOARCH)
twice
cp "$binary" "$work/older.bin"
echo older >>"$work/older.bin"
echo gone >"$work/first/docs/gone.md"
(cd "$work/first" && VERSION=0.0.9 BINARY=$work/older.bin OUT=$work/older sh dist/package/build.sh $kinds >/dev/null)
rm -rf "$work/first"
for kind in $kinds; do
	moved $kind
done
if has dpkg-deb; then
	kind=deb
	dpkg-deb -x "$work"/once/*"$(machine)".deb "$work/deb"
	listed "$work/deb" | golden deb.list
	unpacked
fi
if has rpmbuild && has cpio; then
	kind=rpm
	mkdir "$work/rpm"
	rpm2cpio "$work"/once/*"$(machine)".rpm >"$work/cpio"
	(cd "$work/rpm" && cpio -id --quiet --no-absolute-filenames <"$work/cpio")
	listed "$work/rpm" | golden rpm.list
	if cpio -it --quiet <"$work/cpio" | grep -qv '^\./'; then
		# Those who unpack it as root, rpmlint too, would install it.
		bad "the rpm has absolute file names"
	elif has rpmlint; then
		rpmlint -c dist/package/rpmlint.toml "$work"/once/*.rpm >"$work/rpmlint" 2>&1 || { cat "$work/rpmlint"; bad "rpmlint finds errors"; }
	fi
fi
installed
for script in dist/*.sh dist/package/*.sh dist/package/p*; do
	sh -n "$script" || bad "$script"
done
if has dpkg-deb && has lintian; then
	lintian --allow-root --fail-on error "$work"/once/*.deb || bad "lintian finds errors"
fi
[ $status != 0 ] || echo "packages: ${kinds# } of $version built twice, the same; $(wc -l <testdata/packages/deb.list) files, every command and page found; upgraded and downgraded"
exit $status
