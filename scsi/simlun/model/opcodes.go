package model

import "lunguard/scsi"

// Operation codes that only a target needs.
const (
	OpModeSelect6   scsi.Opcode = 0x15
	OpModeSense6    scsi.Opcode = 0x1a
	OpStartStop     scsi.Opcode = 0x1b
	OpSendDiag      scsi.Opcode = 0x1d
	OpPrevent       scsi.Opcode = 0x1e
	OpVerify10      scsi.Opcode = 0x2f
	OpPrefetch10    scsi.Opcode = 0x34
	OpSyncCache10   scsi.Opcode = 0x35
	OpModeSelect10  scsi.Opcode = 0x55
	OpReserve10     scsi.Opcode = 0x56
	OpRelease10     scsi.Opcode = 0x57
	OpModeSense10   scsi.Opcode = 0x5a
	OpRead16        scsi.Opcode = 0x88
	OpWrite16       scsi.Opcode = 0x8a
	OpSyncCache16   scsi.Opcode = 0x91
	OpReportLUNs    scsi.Opcode = 0xa0
	ReadCapacity16A             = 0x10 // service action of 9Eh
)
