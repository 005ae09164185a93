//go:build lab

package guest

// storyTexts are what -X reads from a file or standard input.
func storyTexts() map[string]string {
	return map[string]string{
		"one":     "$2\n",
		"two":     "# the other nodes\n\n   $2\n$3   # with a remark\n",
		"none":    "# nobody\n",
		"empty":   "",
		"noline":  "$2",
		"hex":     "06 00 00 00\t50 00 c5 00 05 b3 20 01\n",
		"junk":    "$2\nzz\n",
		"late":    "06,00,00,00,50,00,c5,00,05,b3,20,01,xy\n",
		"big":     "$2\n\n06,100\n",
		"symbols": "sas,5000c50005b32001\nfcp,10000000c9f3a571\nspi,7,3\nsbp,1122334455667788\n",
		"badsas":  "\nsas,12\n",
	}
}

// storyChapters are the story that both programs live through.
func storyChapters() []chapter {
	return []chapter{
		{"Options", storyOptions}, {"Numbers", storyNumbers}, {"Devices", storyDevices},
		{"Spelling", storySpelling}, {"Empty", storyEmpty}, {"Keys", storyKeys},
		{"Types", storyTypes}, {"Conflicts", storyConflicts}, {"Preempt", storyPreempt},
		{"Attention", storyAttention}, {"Register", storyRegister},
		{"TransportIDs", storyTransportIDs}, {"SpecIPT", storySpecIPT}, {"Move", storyMove},
		{"Short", storyShort}, {"Own", storyOwn}, {"Broken", storyBroken},
	}
}

const storyOptions = `
1
1 {-r|-o -G|-vvv}
1 {-h|-hh|-hhh|-h -h|-hk|-hV|-Vh|-h @}
1 {-V|--version|-kV @}
1 -vV
1 -V -vv
1 {-h|-V} @ extra ~operands-page
1 {-k|} @ extra ~operands
1 -d @ {-k|-h} extra
1 -d /dev/null -n -d @ -k
1 -i -o @
1 -i -o -k @
1 -o @
1 -o -k @
1 -o -k -G @
1 -o -G -R @
1 -o -G -I -M @
1 {-G|-L|-A|-z} @
1 -i {-G|-R} @
1 -G -k @
1 -M -X $2 @
1 {-k -r|-k -k|-krsc} @
1 -n -{k|r} -U @
1 -n -k -Q {1|0} @
1 -n -o -G -S 1 -U @
1 -n -o -G -S 1 -Q 1 @
1 -n -o -M -K 1 -S 2 @
1 -n -o -M -K 1 -S 2 -X file=%two @
1 -n -o -M -K 1 -S 2 -X file=%none @
1 -n -o -M -K 1 -S 2 -U -Q 1 @
1 -n -o -{R|L|P|A} /dev/null   # no type
1 -n -o -{G|I|C|z} /dev/null
1 {--bogus|-kq|-q -h|-h -q|--par|--he|--read|--pre|--rel} @ ~option
1 {-K|-T|-X|-l|-d|--param-rk|--prout_type|--transport-id|--maxlen} ~option
1 {--in=x|--no-inquiry=1|--read-keys=1} @ ~option
1 {-K zz|-T zz|-X zz|-m zz} --bogus @
`

const storyNumbers = `
1 -n {-K|-S|-T|-Q|-l|-m} {zz|''} @
1 -n -Q {10000|fffff} @
1 -n -m {8193|0x2001|2001h|9k|100000000000} @
1 -n -l {2001|ffff} @
1 -n -k -m {8192|2000h|8k|24|16x2|0} @
1 -n -k -l {2000|0x18} @
1 -n -k -m {7|4|1} @
1 -n -k -l 100 -m 32 -vv @ ~ro
1 -n -k -m 32 -l 100 -vv @ ~ro
1 -n -o -G -S {0xABC|0XABC|abc|00000000000000000abc} -vv @
1 -n -o -G -K abc -S {0xffffffffffffffff|1} -vv @
1 -n -o -C -K {ffffffffffffffff|1|0} @
1 -n -o -G -K {123g|0x|0x12z|1,2|10000000000000000|-1|'1 2'} /dev/null ~strict-rk
1 -n -o -G -S {123g|10000000000000000|-1} /dev/null ~strict-sark
1 -n -o -R -T {5x|10|-1|123456789abcdef} /dev/null ~strict-type
1 -n -o -M -X $2 -Q {1z|-1} /dev/null ~strict-port
1 -n -l {18z|-1|100000000} /dev/null ~strict-length
1 -n -k -m {18z|-1} @
1 -n -o -G -K ' 12' -S ' 0x34' /dev/null
`

const storyDevices = `
1 {/nonexistent|''|/dev/null/x|/dev/tty}
1 -n -k {/nonexistent|''|/dev/null/x|/dev/tty} ~ro
1 -n -y -{k|s} {/nonexistent|/dev/tty}
1 -n -yy -k {/nonexistent|/dev/tty}
1 -n -k -vv /nonexistent ~ro
1 -k -vv /nonexistent
1 -n -o -G {|-y} /nonexistent
1 -o -G /nonexistent
1 {-r -v|-o -G} {/dev/null|/dev/ptmx|/dev/console}
1 -n {-k|-r -v|-s|-c -H|-o -G|-o -R -T 1 -v|-o -M -X $2 -v} /dev/null
1 -n {-k|-o -G} {/dev/zero|/dev/ptmx|/dev/loop0}
1 -k -vv {/dev/null|/dev/loop0}
1 -y -vvvv {/dev/null|/dev/loop0|@sg|%one} ~internals
1 {-y|-y -v|} {%one|/etc}
1 {-n -y|-n -y -v} {%one|/etc}
1 -n -k %one
1 -n -yy -k {%one|/etc}
1 -n -o -G {%one|/etc}
1 -n -k /etc ~folder
1 {-k|-n -s} @sg
1 -n -o -I -S a1 @sg
1 -n -o -C -K a1 @sg
`

const storySpelling = `
1/ --bogus @ ~option
1/ -K ~option
1/ -n -k /nonexistent ~ro
1 --out --register --param-sark=a1 @
1 --out --reserve --param-rk=a1 --prout-type=5 @
1 {--in --read-keys|--read-keys|--in|--read_keys|--in --read-k|@ -k} --device=@
1 {--read-reservation|--read_reservation|--read-r} --device @
1 {--read-full-status|--read_full_status|--read_status|--read-s} -d@
1 {--report-capabilities|--report_capabilities|--repo} @
1 {--no-inquiry|--no_inquiry|--n} {--hex|--hex --hex} @ -k
1 @ -n --hex -- 
1 -n -k -- @
1 -k -- @ 
1 --d=@ -nk
1 --dev @ -n --read_k
1 -nkd @
1 -nkd@
1 -nkHH @
1 -nkl18 @
1 -nkm 24 @
1 --alloc-length=18 -n @
1 --alloc_length 18 -n @
1 --al 18 -n @
1 --maxlen=24 --no-inquiry @
1 --max 24 -n @
1 -n --readonly -vv @
1 -n {--readonly --readonly|-yy|-yyy} -vv @
1 {--out|--o|-o} {--release|--relea} --param_rk=a1 --prout_type=5 -n @
1 -noRKa1 -T5 @
1 -noL -K a1 -T 5 @
1 -n --out --register-ignore --param_sark a2 {--param-aptpl|--param_aptpl|--param-ap} @
1 -n --out --register_ignore --param-s a1 {--param-alltgpt|--param_alltgpt|--param-al} @
1 -n -o --reserve --param-r a1 --pro 3 @
1 -n -o --preempt_abort --param-rk a1 --param-sark a1 -T 3 @
1 -n -o --preempt-abort --param-rk a1 --param-sark a1 --prout-type 3 @
1 -n -o {--preempt|-P} -K a1 -S a1 -T 3 @
1 -n -o {--clear|--cl} -K a1 @
1 -n -o {--replace-lost|--replace_lost|--repl|-z} -S a1 -T 1 @
1 -n -o {--register-move|--register_move} -X $2 -K a1 -S a2 -Q 1 @
1 -n -o -M {--unreg|--param-unreg|--param_unreg|--u} --t=$2 --relat=1 -K a1 -S a2 @
1 -n -o -M -U --transport_id=$2 {--relative-target-port|--relative_target_port} 1 -K a1 -S a2 @
1 --verbose -n -r @
SG_PERSIST_IN_RDONLY=1 1 -n -k -vv @
SG_PERSIST_IN_RDONLY= 1 -n -k -vv @
SG_PERSIST_IN_RDONLY=0 1 -n -k -yy -vv @
SG_PERSIST_IN_RDONLY=1 1 -n -o -I -S a1 -vv @
SG3_UTILS_INVOCATION=1 1{|/}! -n -k @
POSIXLY_CORRECT=1 1 @ -k
POSIXLY_CORRECT=1 1 -n -k @
`

const storyEmpty = `
1 {|-k|-r|-s|-c} @
1 -n -{k|s} {-H|-HH|-HHH} @
1 -n -{k|r|s|c} -v @
1 -n -{k|s} -v{v|vv} @ ~ro
1 -{k|s} -v @
1 -r -vvv @ ~ro
1 {-k|-s} -H @
`

const storyKeys = `
1 -o -G -S a1 @
1 {|-k|-r|-s|-c} @
1 -n -k -vvv @ ~ro
2 -n -o -G -S a2 -v @
3 -n -o -I -S a3 -v @
1b -n -o -I -S a1 -vv @
2b -n -o -G -S ffffffffffffffff -vvv @
1 -n {|-k|-r|-s|-c} @
2 -n -o -R -K a2 -T 5 -v @
1b {|-k|-r|-s|-c} @
1 -n -{k|r|s|c} {-H|-HH|-HHH} @
1 -n -k -HHHH @
1 -n -{k|r|s|c} -v @
1 -n -{k|r|s|c} -v{v|vv} @ ~ro
1 -n -k -vvvv @ ~ro ~internals
3 -{k|r|s} -H -vvv @ ~ro
2 -n -s -y @
2 -n -o -L -K a2 -T 5 -vvv @
1 -o -C -K a1 -vv @
`

const storyTypes = `
1 -n -o -G -S a1 @
2 -n -o -G -S a2 @
1 -n -o -R -K a1 -T {1|3|5|6|7|8|0|2|4|9|a|b|c|d|e|f} @
1 -n -o -R -K a1 @
1 -n -o -R -K a1 -v @
1 -n -{r|s|r -H} @
1 -n -o -L -K a1 -T {0|2|3|4|5|9|f} @
2 -n -o -L -K a2 -T 1 @
1 -n -o -L -K a1 @
1 -n -o -L -K a1 -T 1 @
1 -n -o -L -K a1 -T 1 -v @   # nothing is held
1 -n -o -R -K a1 -T 3 @
2 -n -{k|r|s|c} @
1 -n -o -L -K a1 -T 3 @
2 -n -o -R -K a2 -T 6 -v @
1 -n -{r|s} @
1 -n -o -L -K a1 -T 6 @
2 -n -o -L -K a2 -T 6 @
1 -n -k @
1 -n -o -R -K a1 -T 7 @
2 -n -o -R -K a2 -T 7 @
1b -n -{r|s} {|-H|-vvv -y} @
2 -n -o -L -K a2 -T 7 @
1 -n -k @
1 -n -o -R -K a1 -T 8 @
2 -n -{r|s} @
1 -n -o -G -K a1 -S 0 @
2 -n -{k|r|s} @
2 -n -o -G -K a2 -S 0 -v @
2 -n -{k|r|s} @
`

const storyConflicts = `
1 -n -o -G -S a1 @
2 -n -o -G -S a2 @
1 -n -o -R -K a1 -T 5 @
2 -n -o -R -K a2 -T {5|1 -v|6 -vv} @
3 -n -o -R -K {a3|a1|0} -T 5 @
3 -n -o -{R|L|C|P|A} -K a1 -S a1 -T 5 @
3 -n -o -{R|C} -K a1 -S a1 -T 5 -v @
1 -n -o -{R|L|C|P|A} -K bad -S a2 -T 5 -v @
1 -n -o -{L|P} -K bad -S a2 -T 5 -vvv @
1 -n -o -G -K bad -S a1 {|-v} @
3 -n -o -G -K a1 -S a3 @
2 -n -o -M -K a2 -S a1 -X $1 -Q 1 {|-vv} @
3 -n -o -M -K a3 -S a1 -X $1 -Q 1 @
1 -n -o -M -K bad -S a2 -X $2 -Q 1 @
1 -o -R -K bad -T 5 {|-v} @
2 -n -o -L -K a2 -T {5|1} @
1b -n -o -L -K a1 -T 5 @
1b -n -o -R -K a1 -T 5 @
1b -n -o -C -K a1 @
1 -n -o -z -K a1 -S a2 -T 5 {|-vv} @
1 -n -o -{P|A} -K a1 -S {99|0 -v} -T 5 @
1 -n -o -{P|A} -K a1 -S a2 /dev/null
1 -n -{k|r|s} @
2 -o -C -K a2 @
1 -n -k {|} @
`

const storyPreempt = `
1 -n -o -G -S a1 @
1b -n -o -G -S a1 @
2 -n -o -G -S a2 @
2b -n -o -G -S a2 @
3 -n -o -I -S a3 @
1 -n -o -R -K a1 -T 5 @
2 -n -o -P -K a2 -S a1 -T 5 @
1 -n -k -v @
1 -n -{k|r|s} @
1b -n -o -R -K a1 -T 5 {|} @
1 -n -o -I -S a1 @
1 -n -o -A -K a1 -S a2 -T 3 -vv @
2 -k {|} @
2b -n -r -vvv @ ~ro
1 -n -{k|r|s} @
3 -n -o -A -K a3 -S a3 -T 3 @   # itself
3 -n -o -P -K a3 -S a1 -T 7 -v @
1 -n -o -L -K a1 -T 7 @
1 -n -{k|r|s} @
3 -n -o -P -K a3 -S 0 -T 7 @
3 -n -{k|r|s} @
1 -n -o -G -S a1 @
3 -n -o -A -K a3 -S 0 -T {8|1} -v @
3 -n -{k|r|s} @
3 -n -o -C -K a3 -v @
`

// The second story of each unit attention is ours alone: it is asked to go on.
const storyAttention = `
1 -n -o -G -S a1 @
2 -n -o -G -S a2 @
1 -n -o -C -K a1 @
2 -n -k {|} @
2 -n -o -G -S a2 @
1 -n -o -G -S a1 @
2 -n -o -C -K a2 @
1 -{k|r} -v @
1 -n -o -G -S a1 @
2 -n -o -G -S a2 @
1 -n -o -C -K a1 @
2! -n -k @ ~again
2 -n -o -G -S a2 @
1 -n -o -G -S a1 @
2 -n -o -A -K a2 -S a1 -T 5 @
1! -r @ ~again
1! -s @
1 -n -o -G -S a1 @
2 -n -o -P -K a2 -S a1 -T 5 @
1! -n -s -v @ ~again-loud
1 -n -o -G -S a1 @
2 -n -o -P -K a2 -S a1 -T 5 @
1! -n -o -R -K a1 -T 5 @ ~again
2 -n -o -G -S a2 @
1 -n -o -G -S a1 @
2 -n -o -P -K a2 -S a1 -T 5 @
1! -n -o -R -K a1 -T 5 -v @ ~again-loud
1 -n -o -G -S a1 @
2 -n -o -P -K a2 -S a1 -T 5 @
1! -n -o -G -K a1 -S 0 @ ~again
1 -n -o -G -S a1 @
2 -n -o -P -K a2 -S a1 -T 5 @
1! -n -o -I -S a1 {|-v} @   # not sent again
2 -n -o -P -K a2 -S a1 -T 5 @
1! -n -o -I -S 0 @ ~again
1 -n -o -G -S a1 @
2 -n -o -P -K a2 -S a1 -T 5 @
1! -n -o -G -S a1 {-v|} @   # not sent again
2 -n -o -P -K a2 -S a1 -T 5 @
1! -n -k -H -y @ ~again
1! -n -k @
2 -n -o -C -K a2 @
`

const storyRegister = `
1 -n -o -G -S 0 @
1 -n -o -I -S 0 @
1 -n -o -G -K 1 -S a1 @
1 -n -o -G -S a1 -T {5|1} @
1 -n -o -G -S a1 @
1 -n -o -G -K a1 -S a1 -v @
1 -n -o -I -K dead -S b1 -v @
1 -n -o -I -S a1 -T 3 -vv @
1 -n -o -G -K a1 -S a1 -Z @
1 -n -{k|s|c} @
1 -n -o -G -K a1 -S a1 -Y @
1 -n -{k|s|c} @
1b -n -k @
2 -n -o -G -S a2 -Y -Z -v @
2b -n -{k|s} @
3 -n -o -I -S a3 -Y -vv @
3 -n -{s|s -H|s -HH|s -vvv -y} @
3 -n -o -R -K a3 -T 6 @
3b -n -{k|r|s} @
3b -n -o -L -K a3 -T 6 @
3 -n -o -L -K a3 -T 6 @
2b -n -o -G -K a2 -S 0 @
2 -n -k @
1 -n -o -G -K a1 -S 0 {|} @
3 -n -o -G -K a3 -S 0 -Y @
1 -n -o -G -S a1 -H @
1 -n -o -G -S a1 -K a1 -m 10 @
1 -n -o -G -S a1 -K a1 -y @
1 -n -o -G -S a1 -K a1 -y -vv @
1 -n -o -C -K a1 -S 5 -Z -Y -vv @
`

const storyTransportIDs = `
1 -n -o -G -S a1 -vvv -X {SAS,5000C50005B32001|FCP,10000000C9F3A571|sbp,1122334455667788|spi,7,3|SPI,65535,65535|iqn.2026-01.example:n1|iqn.2026-01.example:n2,i,0x00023d000002|iqn.a} /dev/null
1 -n -o -G -S a1 -X {sas|sas,123|sas,|sas,5000c50005b3200g|fcp,zz|sbp,1|spi,7|spi,a,b|iqn|IQN.x|eui|zz|-x} /dev/null
1 -n -o -G -S a1 -X {06,100|06,00,zz|06,,00|''|'6 0 0 0 x'|file=|file=/nonexistent|FILE=/nonexistent} /dev/null
1 -n -o -G -S a1 -X file=%{junk|late|big|badsas} {|-v} /dev/null
1 -n -o -G -S a1 -X file=%{symbols|two|none|empty|noline} -vvv /dev/null
1 -n -o -G -S a1 -X - -vvv <{symbols|empty|noline} /dev/null
1 -n -o -G -S a1 -X - <{junk|late} /dev/null
1 -n -o -G -S a1 -vvv -X {06,0,0,0,50,0,c5|06,00,00,00,50,00,c5,00,05,b3,20,01|'6 0 0 0 50 0 c5 0 5 b3 20 1'|45,0,0,14,69,71,6e,2e,61} /dev/null ~hex
1 -n -o -G -S a1 -vvv -X file=%hex /dev/null ~hex
1 -n -o -G -S a1 -X {'6, 0'|'6  0'} /dev/null ~hex
1 -n -o -G -S a1 -X srp,00010203040506070809 /dev/null
1 -n -o -G -S a1 -vvv -X srp,000102030405060708090a0b0c0d0e0f /dev/null ~srp
1 -n -o -G -S a1 -vvv -X sop,0102 /dev/null ~sop
1 -n -o -G -S a1 -vvv -X eui.0123456789abcdef /dev/null ~eui
1 -n -o -G -S a1 -vvv -X naa.60014050123456789 /dev/null ~naa
1 -n -k -X sas,5000c50005b32001 /dev/null
1 -n -k -X sas,5000c50005b32001 -vvv @ ~ro
1 -n -o -G -S a1 -X sas,5000c50005b32001 -X fcp,10000000c9f3a571 -vvv /dev/null
`

// LIO takes nexuses that have been registered by SPEC_I_PT for nexuses to another LUN: their
// unit attentions are not compared, and they do nothing while a reservation is held.
const storySpecIPT = `
1 -n -o -G -S a1 -X $2 @
1 -n -{k|s} @
2 -n -{k|r} @
1 -n -o -G -K a1 -S a1 -X $3 {|-v} @   # registered already
1 -n -o -C -K a1 @
quiet
1 -n -o -G -S a1 -X file=%one -vv @
1 -n -s @
1 -n -o -C -K a1 @
quiet
1 -n -o -G -S a1 -X - -vvv <two @
1 -n -s @
3 -n -o -G -K a1 -S a3 @
1 -n -o -R -K a1 -T 5 @
2 -n -o -G -K a1 -S 0 @
1 -n -s @
1 -n -o -C -K a1 @
quiet
1 -n -o -I -S a1 -X $2 {|-v} @
1 -n -s @
1 -n -o -I -S a1 @
1 -n -o -C -K a1 @
quiet
1 -n -o -G -S a1 -X {iqn.2026-01.lab:nobody|sas,5000c50005b32001|iqn.2026-01.lab:nobody,i,0x00023d000009} {|-v} @
1 -n -s @
1 -n -o -G -S a1 -X $2 -Y -Z -vv @
1 -n -{s|c} @
1 -n -o -I -S a1 @
1 -n -o -C -K a1 @
quiet
`

const storyMove = `
1 -n -o -G -S a1 @
1 -n -o -M -K a1 -S a2 -X $2 -Q 1 @   # nothing is held
1 -n -o -R -K a1 -T 5 @
1 -n -o -M -K a1 -S a2 -X $2 -Q 1 -v @
1 -n -{k|r|s} @
2 -n -{k|r|s} @
2 -n -o -M -K a2 -S a1 -X $1 -Q 1 -U -vv @
1 -n -{k|r|s} @
1 -n -o -M -K a1 -S a3 -X $3b -Q 2 -T 6 @
3b -n -{k|r|s} @
3b -o -M -K a3 -S a1 -X file=%one -Q 1 -Z @
2 -n -{s|c} @
2 -n -o -M -K a1 -S a1 -X $2 -Q 1 {|-v} @   # to itself
2 -n -o -M -K a1 -S 0 -X $3 -Q 1 {|-v} @
2 -n -o -M -K a1 -S a3 -X $3 -Q {0|9 -v|ffff -vv} @
2 -n -o -M -K a1 -S a3 -X {iqn.2026-01.lab:nobody|sas,5000c50005b32001} -Q 1 {|-v} @
2 -n -o -M -K bad -S a3 -X $3 -Q 1 {|-v} @
2 -n -{k|r|s} @
2 -n -o -I -S a2 @
2 -n -o -C -K a2 @
`

// Allocation lengths that an answer does not fit in.
const storyShort = `
1 -n -o -G -S a1 @
1b -n -o -G -S b1 @
2 -n -o -G -S a2 @
1 -n -o -R -K a1 -T 5 @
1 -n -k -m {32|33|100} @
1 -n -r -m {24|32} @
1 -n -c -m {8|9} @
1 -n -k {-m 16|-l 18|-m 8|-m 23} @ ~cut-keys
1 -n -r -m {8|16|23} @ ~cut-reservation
1 -n -k -H -m 16 @ ~cut-hex
1 -n -k -HH -m 16 @ ~cut-dump
1 -n -s {|-H} -m {8|40|100} @   # LIO shortens its answer itself
1 -n -o -C -K a1 @
1b -n -k @
2 -n -k @
`

// What only ours has.
const storyOwn = `
1 -n -o -x -S a1 -T 1 @ ~lost
1 -n -k @ @ ~several
1 -n -o -I -S a1 @
1 -n -r @ @ ~several
1 -n -o -C -K a1 @
`

// Devices that do not answer. A path that is broken does not come back.
const storyBroken = `
offline 1b
1b -n {-k|-r -v} @ ~ro
1b {|-n -o -G -S a1} @
1b {|-n -k|-n -r -v|-n -o -G -S a1} @sg
1b -n -o -I -S a1 -v @sg
online 1b
1b -n -k @
break 1b
1b -n -k @
gone 1b
break 2b
2b -n -r -vvv @ ~ro
gone 2b
break 3b
3b -n -o -I -S a3 -v @
gone 3b
1 -n -k @
`
