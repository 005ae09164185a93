#!/bin/sh
# check.sh: are the packages what they should be? Builds each twice, the second
# time from a copy of the sources somewhere else, and compares; asks lintian and
# rpmlint; compares what is in them, and what make install lays out, with
# testdata/packages (UPDATE=1 writes it); unpacks, calls every command and looks
# up every page. Exit status 1: something is wrong.
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

# again: the same packages, from elsewhere, by somebody else, later.
again() {
	mkdir "$work/copy" "$work/again"
	tar -cf - --exclude=./.cache --exclude=./bin . | tar -xf - -C "$work/copy"
	(
		umask 077
		cd "$work/copy"
		TZ=Pacific/Auckland LC_ALL=C make -s bin/lunguard
		TZ=Pacific/Auckland LC_ALL=C OUT="$work/again" sh dist/package/build.sh $kinds >/dev/null
	)
	rm -rf "$work/copy"
	for file in "$work"/once/*; do
		cmp "$file" "$work/again/${file##*/}" || bad "two builds of ${file##*/} differ"
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

need man man-db
need lintian lintian
need dpkg-deb dpkg
need rpmbuild rpm
need cpio cpio
need rpmlint rpmlint
kinds=
! has dpkg-deb || kinds=deb
! has rpmbuild || kinds="$kinds rpm"
mkdir "$work/once"
OUT=$work/once sh dist/package/build.sh $kinds >/dev/null
again
if has dpkg-deb; then
	dpkg-deb -x "$work"/once/*.deb "$work/deb"
	listed "$work/deb" | golden deb.list
	unpacked
fi
if has rpmbuild && has cpio; then
	mkdir "$work/rpm"
	rpm2cpio "$work"/once/*.rpm >"$work/cpio"
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
[ $status != 0 ] || echo "packages: ${kinds# } built twice, the same; $(wc -l <testdata/packages/deb.list) files, every command and page found"
exit $status
