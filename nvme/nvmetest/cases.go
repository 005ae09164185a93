package nvmetest

// script is the suite. A case begins with ==, on a namespace without registrants. Each
// line is a step: who, what, and behind => what is seen: the answer, and who is
// registered with which key then, a * at each holder, and the type of the reservation.
//
//	register KEY               RREGA 0
//	replace OLD KEY            RREGA 2; replace! is with IEKEY
//	unregister KEY             RREGA 1; unregister! is with IEKEY
//	acquire KEY TYPE           RACQA 0; acquire! is with IEKEY
//	preempt KEY VICTIM TYPE    RACQA 1; abort is RACQA 2
//	release KEY TYPE, clear KEY
//	action COMMAND N           a reserved action
//	cptpl N KEY                replace! with CPTPL
//	read, write, event         event reads a notification
//	generation                 how much it went up since the case began
const script = `
== register
A register 1             => ok A1
A register 1             => ok A1
A register 2             => conflict A1
B register 1             => ok A1 B1
A generation             => 3
A replace 1 2            => ok A2 B1
A replace 1 3            => conflict A2 B1
A generation             => 4
A unregister 1           => conflict A2 B1
A unregister! 0          => ok B1
A unregister! 0          => conflict B1
A unregister 2           => conflict B1
A replace 0 2            => conflict B1
A replace! 0 3           => ok A3 B1
A replace! 0 4           => ok A4 B1
A generation             => 7

== all controllers of a host are one registrant
A register 1             => ok A1
A2 register 2            => conflict A1
A2 replace 1 2           => ok A2
A2 acquire 2 wero        => ok A2* wero
A write                  => ok A2* wero
A2 write                 => ok A2* wero
B write                  => conflict A2* wero
A unregister 2           => ok
A2 acquire 2 wero        => conflict

== key 0
A register 0             => field
A replace! 0 0           => field
A register 1             => ok A1
A replace 1 0            => field A1

== reserved fields
A register 1             => ok A1
A action register 3      => field A1
A action acquire 3       => field A1
A action release 2       => field A1
A acquire 1 0            => field A1
A acquire 1 7            => field A1
A acquire! 1 wero        => field A1
A cptpl 1 1              => field A1

== acquire
A acquire 1 wero         => conflict
A register 1             => ok A1
B register 2             => ok A1 B2
A acquire 2 wero         => conflict A1 B2
A acquire 1 wero         => ok A1* B2 wero
A acquire 1 wero         => ok A1* B2 wero
A acquire 1 we           => conflict A1* B2 wero
B acquire 2 wero         => conflict A1* B2 wero
A generation             => 2
A replace! 0 3           => ok A3* B2 wero

== who may do what
A register 1             => ok A1
B register 2             => ok A1 B2
C read                   => ok A1 B2
C write                  => ok A1 B2
A acquire 1 we           => ok A1* B2 we
B write                  => conflict A1* B2 we
B read                   => ok A1* B2 we
A release 1 we           => ok A1 B2
A acquire 1 ea           => ok A1* B2 ea
B read                   => conflict A1* B2 ea
A release 1 ea           => ok A1 B2
A acquire 1 wero         => ok A1* B2 wero
B write                  => ok A1* B2 wero
C write                  => conflict A1* B2 wero
C read                   => ok A1* B2 wero
A release 1 wero         => ok A1 B2
A acquire 1 earo         => ok A1* B2 earo
B write                  => ok A1* B2 earo
C read                   => conflict A1* B2 earo
A release 1 earo         => ok A1 B2
A acquire 1 wear         => ok A1* B2* wear
B write                  => ok A1* B2* wear
C write                  => conflict A1* B2* wear
C read                   => ok A1* B2* wear
A release 1 wear         => ok A1 B2
A acquire 1 eaar         => ok A1* B2* eaar
C read                   => conflict A1* B2* eaar

== a holder leaves
A register 1             => ok A1
B register 2             => ok A1 B2
A acquire 1 wero         => ok A1* B2 wero
B unregister 2           => ok A1* wero
B register 2             => ok A1* B2 wero
A unregister 1           => ok B2
C write                  => ok B2

== all registrants hold
A register 1             => ok A1
B register 2             => ok A1 B2
A acquire 1 wear         => ok A1* B2* wear
B acquire 2 wear         => ok A1* B2* wear
C register 3             => ok A1* B2* C3* wear
A release 1 wero         => field A1* B2* C3* wear
A unregister 1           => ok B2* C3* wear
B unregister 2           => ok C3* wear
C unregister 3           => ok
A write                  => ok

== who has not acquired releases
A register 1             => ok A1
B register 2             => ok A1 B2
A acquire 1 wear         => ok A1* B2* wear
B release 2 wear         => ok A1 B2

== release
A register 1             => ok A1
B register 2             => ok A1 B2
A acquire 1 wero         => ok A1* B2 wero
C release 3 wero         => conflict A1* B2 wero
B release 2 wero         => ok A1* B2 wero
A release 1 we           => field A1* B2 wero
A release 2 wero         => conflict A1* B2 wero
A release 1 wero         => ok A1 B2
A release 1 wero         => ok A1 B2

== clear
A register 1             => ok A1
B register 2             => ok A1 B2
A acquire 1 wero         => ok A1* B2 wero
C clear 3                => conflict A1* B2 wero
B clear 1                => conflict A1* B2 wero
B clear 2                => ok
A generation             => 3

== preempt nothing held
A register 1             => ok A1
B register 2             => ok A1 B2
C register 2             => ok A1 B2 C2
A preempt 1 2 wero       => ok A1
A preempt 1 1 wero       => ok
A generation             => 5

== preempt a key that nobody has
A register 1             => ok A1
A preempt 1 9 wero       => conflict A1
A acquire 1 wero         => ok A1* wero
A preempt 1 9 wero       => conflict A1* wero
A release 1 wero         => ok A1
A acquire 1 wear         => ok A1* wear
A preempt 1 9 wear       => conflict A1* wear

== preempt the holder
A register 1             => ok A1
B register 2             => ok A1 B2
C register 3             => ok A1 B2 C3
A acquire 1 wero         => ok A1* B2 C3 wero
B preempt 1 1 wero       => conflict A1* B2 C3 wero
B preempt 2 1 we         => ok B2* C3 we
A write                  => conflict B2* C3 we
A preempt 1 2 we         => conflict B2* C3 we

== preempt another than the holder
A register 1             => ok A1
B register 2             => ok A1 B2
C register 3             => ok A1 B2 C3
A acquire 1 wero         => ok A1* B2 C3 wero
B preempt 2 3 we         => ok A1* B2 wero
B preempt 2 2 we         => ok A1* wero

== preempt key 0
A register 1             => ok A1
B register 2             => ok A1 B2
A acquire 1 wero         => ok A1* B2 wero
B preempt 2 0 wero       => field A1* B2 wero

== the holder changes the type
A register 1             => ok A1
B register 2             => ok A1 B2
A acquire 1 wero         => ok A1* B2 wero
A preempt 1 1 wear       => ok A1* B2* wear

== the holder has a namesake
A register 1             => ok A1
B register 1             => ok A1 B1
A acquire 1 wero         => ok A1* B1 wero
A preempt 1 1 we         => ok A1* we

== preempt under all registrants
A register 1             => ok A1
B register 2             => ok A1 B2
C register 3             => ok A1 B2 C3
A acquire 1 wear         => ok A1* B2* C3* wear
B abort 2 3 wero         => ok A1* B2* wear
A abort 1 1 wero         => ok B2* wear

== preempt all registrants
A register 1             => ok A1
B register 2             => ok A1 B2
C register 3             => ok A1 B2 C3
A acquire 1 wear         => ok A1* B2* C3* wear
B abort 2 0 wero         => ok B2* wero

== who is told
A register 1             => ok A1
B register 2             => ok A1 B2
A event                  => none
A acquire 1 wero         => ok A1* B2 wero
A preempt 1 2 wero       => ok A1* wero
B event                  => preempted
B event                  => none
A event                  => none
B register 2             => ok A1* B2 wero
A unregister 1           => ok B2
B event                  => released
A register 1             => ok A1 B2
A acquire 1 wero         => ok A1* B2 wero
A preempt 1 1 wear       => ok A1* B2* wear
B event                  => released
A clear 1                => ok
B event                  => cleared
A event                  => none
`
