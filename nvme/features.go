package nvme

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"lunguard/pr"
)

// Features. Section 5.1.25.1.
const (
	featureHostID = 0x81
	extendedHost  = 1 // EXHID
)

// EncodeHostID makes the request for the host identifier that the controller has, of
// 16 bytes or of 8.
func EncodeHostID(long bool) *Request {
	r := &Request{Opcode: OpGetFeatures, OfController: true, Data: make([]byte, shortHostID)}
	r.Words[0] = featureHostID
	if long {
		r.Words[1], r.Data = extendedHost, make([]byte, longHostID)
	}
	return r
}

// ReadHostID asks the controller which host it takes this one for: by 16 bytes, and by
// 8 if the controller knows no more. It is zero if nobody has told the controller.
// Errors: *OpError.
//
// An identifier cannot be blank: nothing arrived, then.
func ReadHostID(ctx context.Context, t Transport) (HostID, error) {
	req := EncodeHostID(true)
	_, err := Exec(ctx, t, req)
	if errors.Is(err, pr.ErrUnsupported) {
		req = EncodeHostID(false)
		_, err = Exec(ctx, t, req)
	}
	switch {
	case err != nil:
		return HostID{}, err
	case IsBlank(req.Data):
		return HostID{}, malformed(req.Name(), "no data")
	}
	return MakeHostID(req.Data)
}

// Event is what a notification is about.
type Event uint8

// Types of a notification. Which one it is says little: the holder that changes the type
// of its reservation makes the others see a release. Only a report tells what there is.
const (
	// NoEvent: the log is empty.
	NoEvent Event = iota
	RegistrationPreempted
	ReservationReleased
	ReservationPreempted
)

// String names the event.
func (e Event) String() string {
	switch e {
	case NoEvent:
		return "empty log page"
	case RegistrationPreempted:
		return "registration preempted"
	case ReservationReleased:
		return "reservation released"
	case ReservationPreempted:
		return "reservation preempted"
	}
	return fmt.Sprintf("notification type %d", uint8(e))
}

// Notification is the log page of reservation notifications, section 5.1.12.1.22: the
// oldest one that nobody has read.
type Notification struct {
	// Count goes up with each notification; a gap is some that were lost.
	Count uint64
	Event Event
	// Left is how many more there are.
	Left uint8
	NSID uint32
}

const (
	logReservations = 0x80
	notificationLen = 64
)

// DecodeNotification reads the log page. The error is ErrMalformed.
func DecodeNotification(b []byte) (*Notification, error) {
	if len(b) < notificationLen || IsBlank(b[:notificationLen]) {
		return nil, malformed(OpGetLogPage.String(), "no data")
	}
	return &Notification{
		Count: binary.LittleEndian.Uint64(b), Event: Event(b[8]), Left: b[9], NSID: binary.LittleEndian.Uint32(b[12:]),
	}, nil
}

// Encode makes the log page.
func (n *Notification) Encode() []byte {
	b := make([]byte, notificationLen)
	binary.LittleEndian.PutUint64(b, n.Count)
	b[8], b[9] = uint8(n.Event), n.Left
	binary.LittleEndian.PutUint32(b[12:], n.NSID)
	return b
}

// EncodeNotification makes the request for the log page. Reading takes the notification
// off the controller, which is this host's own.
func EncodeNotification() *Request {
	r := &Request{Opcode: OpGetLogPage, OfController: true, Data: make([]byte, notificationLen)}
	r.Words[0] = logReservations | (notificationLen/4-1)<<16
	return r
}

// ReadNotification takes the oldest notification off the controller. Errors: *OpError.
func ReadNotification(ctx context.Context, t Transport) (*Notification, error) {
	req := EncodeNotification()
	if _, err := Exec(ctx, t, req); err != nil {
		return nil, err
	}
	return DecodeNotification(req.Data)
}
