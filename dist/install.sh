#!/bin/sh
# install.sh install|uninstall|list
#
# Lays out everything but the active configuration below $DESTDIR, takes it away
# again, or lists it. The same lines do all three, so that they cannot differ.
# Variables: DESTDIR, PREFIX (/usr/local), SYSCONFDIR (/etc), ZSHDIR (below
# PREFIX), BINARY (bin/lunguard).
set -eu
cd "$(dirname "$0")/.."

what=${1:-}
DESTDIR=${DESTDIR:-} PREFIX=${PREFIX:-/usr/local} SYSCONFDIR=${SYSCONFDIR:-/etc}
BINARY=${BINARY:-bin/lunguard}
case $PREFIX$SYSCONFDIR in
# What stands in units and rules needs no quoting.
*[!A-Za-z0-9/._+-]*) echo "install.sh: PREFIX and SYSCONFDIR may have letters, digits and / . _ + - only" >&2; exit 1 ;;
esac
for dir in "${DESTDIR:-/}" "$PREFIX" "$SYSCONFDIR"; do
	case $dir in
	/*) ;;
	*) echo "install.sh: $dir: an absolute path was expected" >&2; exit 1 ;;
	esac
done
[ "$PREFIX" != / ] || PREFIX=

sbin=$PREFIX/sbin
own=$PREFIX/lib/lunguard/bin
man=$PREFIX/share/man
doc=$PREFIX/share/doc/lunguard
bash=$PREFIX/share/bash-completion/completions
zsh=${ZSHDIR:-$PREFIX/share/zsh/site-functions}
fish=$PREFIX/share/fish/vendor_completions.d

# put MODE FILE PATH: a file. It is replaced at one stroke, for the commands may
# be called at any moment.
put() {
	case $what in
	install)
		install -d -m 755 "$DESTDIR${3%/*}"
		install -m "$1" "$2" "$DESTDIR$3.new"
		mv -f "$DESTDIR$3.new" "$DESTDIR$3"
		;;
	*) forget "$3" ;;
	esac
}

# link TARGET PATH: a symbolic link. A file that is none is somebody else's.
link() {
	case $what in
	install)
		install -d -m 755 "$DESTDIR${2%/*}"
		if [ -e "$DESTDIR$2" ] && [ ! -L "$DESTDIR$2" ]; then
			echo "install.sh: $2 is there already, and is no link" >&2
			return 1
		fi
		ln -sfn "$1" "$DESTDIR$2"
		;;
	uninstall) [ ! -L "$DESTDIR$2" ] || rm -f "$DESTDIR$2" ;;
	*) forget "$2" ;;
	esac
}

# made PATH COMMAND...: a file that a command prints.
made() {
	path=$1 && shift
	case $what in
	install)
		"$@" >"$tmp/made"
		put 644 "$tmp/made" "$path"
		;;
	*) forget "$path" ;;
	esac
}

# folder PATH: a folder that is there though it is empty.
folder() {
	case $what in
	install) [ -d "$DESTDIR$1" ] || install -d -m 755 "$DESTDIR$1" || echo "install.sh: $1 is left out" >&2 ;;
	uninstall) rmdir "$DESTDIR$1" 2>/dev/null || : ;;
	list) echo "$1/" ;;
	esac
}

# forget PATH: take it away, or list it.
forget() {
	case $what in
	uninstall) rm -f "$DESTDIR$1" ;;
	list) echo "$1" ;;
	esac
}

# relinked FILE: with links as they are where all documents lie together; what is for
# those who change the program is in the sources.
relinked() { sed 's#\([[(]\)docs/#\1#g; s#\[CONTRIBUTING.md\](CONTRIBUTING.md)#CONTRIBUTING.md of the sources#' "$1"; }

# page FILE: a manual page, which names documents where they are.
page() { sed "s#/usr/share/doc/lunguard#$doc#g" "$1" | gzip -9nc; }

substituted() { sed "s#@SBINDIR@#$sbin#g" "$1"; }

commands() { sed -n 's/^\([a-z][a-z_]*\)	\(sbin\|own\)$/\1 \2/p' dist/links; }

everything() {
	put 755 "$BINARY" "$sbin/lunguard"
	commands | while read -r name where; do
		case $where in
		sbin) link lunguard "$sbin/$name" ;;
		own) link ../../../sbin/lunguard "$own/$name" ;;
		esac
	done
	# Where Pacemaker looks for resource agents: the folder is the provider.
	link ../../../../sbin/lunguard "$PREFIX/lib/ocf/resource.d/lunguard/package"
	manual
	for unit in dist/systemd/*; do
		file=${unit##*/}
		made "$PREFIX/lib/systemd/system/${file%.in}" substituted "$unit"
	done
	made "$PREFIX/lib/udev/rules.d/62-lunguard.rules" substituted dist/udev/62-lunguard.rules.in
	completion
	made "$doc/README.md" relinked README.md
	made "$doc/SECURITY.md" relinked SECURITY.md
	for file in docs/*; do
		put 644 "$file" "$doc/${file##*/}"
	done
	made "$doc/changelog.gz" gzip -9nc CHANGELOG.md
	put 644 dist/copyright "$doc/copyright"
	for file in dist/examples/* dist/prometheus/*.rules.yml; do
		[ ! -e "$file" ] || put 644 "$file" "$doc/examples/${file##*/}"
	done
	folder "$SYSCONFDIR/lunguard"
}

# manual: man finds a page of section 1m by its name, and in section 8. That of
# sg_persist has a suffix, for sg3_utils has a page of that name: man shows that
# one if it is there, else ours, and ours always as man 8lunguard sg_persist.
manual() {
	for page in man/*.[1-9] man/*.1m; do
		[ -e "$page" ] || continue
		name=${page##*/} && name=${name%.*} section=${page##*.}
		case $name.$section in
		*.1m)
			made "$man/man1/$name.1m.gz" page "$page"
			link "../man1/$name.1m.gz" "$man/man8/$name.8.gz"
			;;
		sg_persist.8) made "$man/man8/$name.8lunguard.gz" page "$page" ;;
		*) made "$man/man$section/$name.$section.gz" page "$page" ;;
		esac
	done
}

# completion: bash and fish look for a file with the command's name.
completion() {
	put 644 dist/completion/lunguard.bash "$bash/lunguard"
	put 644 dist/completion/_lunguard "$zsh/_lunguard"
	put 644 dist/completion/lunguard.fish "$fish/lunguard.fish"
	commands | while read -r name _; do
		link lunguard "$bash/$name"
		link lunguard.fish "$fish/$name.fish"
	done
}

case $what in
install)
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	everything
	;;
list) everything ;;
uninstall)
	everything
	# The folders that are nobody else's.
	rmdir "$DESTDIR$PREFIX/lib/ocf/resource.d/lunguard" "$DESTDIR$own" "$DESTDIR${own%/bin}" "$DESTDIR$doc/examples" "$DESTDIR$doc" 2>/dev/null || :
	;;
*)
	echo "usage: install.sh install|uninstall|list" >&2
	exit 1
	;;
esac
