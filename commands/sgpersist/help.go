package sgpersist

// Help is all the help that there is.
func Help() string { return mainHelp + moreHelp }

// mainHelp is what -h and most mistakes print.
const mainHelp = `Usage: sg_persist [OPTIONS] DEVICE...
  PERSISTENT RESERVE IN, one of:
    --read-keys|-k             which keys are registered (default)
    --read-reservation|-r      who holds the reservation, of which type
    --read-full-status|-s      all registrations with their initiator ports
    --report-capabilities|-c   what the device can do
  PERSISTENT RESERVE OUT, with --out|-o and one of:
    --register|-G              change this registration from RK to SARK
    --register-ignore|-I       make SARK this registration
    --register-move|-M         register another port, move the reservation to it
    --reserve|-R               take the reservation
    --release|-L               give it up
    --clear|-C                 remove the reservation and all registrations
    --preempt|-P               remove the registrations with key SARK
    --preempt-abort|-A         the same, and abort their commands
    --replace-lost|-z          after the device has lost its reservations
  and
    --param-rk=RK|-K RK        key of this registration, hexadecimal
    --param-sark=SARK|-S SARK  new or other key, hexadecimal
    --prout-type=TYPE|-T TYPE  type of reservation, hexadecimal, see -hh
  Without --out the device is only read. -hh shows the other options.
`

// moreHelp is what -hh prints.
const moreHelp = `Usage: sg_persist [OPTIONS] DEVICE...
  other options:
    --all-paths                every path of a multipath device
    --alloc-length=LEN|-l LEN  allocation length of PR IN, hexadecimal (2000)
    --device=DEVICE|-d DEVICE  the device, instead of an operand
    --hex|-H                   the answer in hexadecimal; up to three times
    --in|-i                    PERSISTENT RESERVE IN, which is the default
    --json                     answers and errors as JSON
    --maxlen=LEN|-m LEN        as --alloc-length, decimal (8192)
    --no-inquiry|-n            no INQUIRY, none of its lines
    --out|-o                   PERSISTENT RESERVE OUT
    --param-alltgpt|-Y         register through all target ports (ALL_TG_PT)
    --param-aptpl|-Z           registrations outlive loss of power (APTPL)
    --param-unreg|-U, --unreg  --register-move removes this registration
    --readonly|-y              open read-only; -yy read-write, for PR IN, too
    --relative-target-port=PORT|-Q PORT
                               where --register-move registers, hexadecimal
    --retries=N                unit attentions to pass over in a row (5)
    --timeout=TIME             of one command (60 seconds)
    --transport-id=TIDS|-X TIDS
                               an initiator port (iqn.NAME, iqn.NAME,i,0xISID,
                               sas,HEX fcp,HEX sbp,HEX srp,HEX spi,ADDR,PORT
                               sop,HEX or bytes), - or file=NAME for several
    --verbose|-v               commands, sense data, answers; up to four times
    --version|-V               the version

  exit status: 0 done, 1 usage, 6 unit attention, 24 reservation conflict,
    35 transport error, 97 malformed answer; the manual page has them all

  types of reservation:
    1  write exclusive
    3  exclusive access
    5  write exclusive, registrants only
    6  exclusive access, registrants only
    7  write exclusive, all registrants
    8  exclusive access, all registrants
`
