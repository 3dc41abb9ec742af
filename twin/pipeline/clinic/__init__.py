"""Scoring and alarms on Mars, with no Earth: NEWS2, limits per person, technical alarms.

**Not a medical device.** NEWS2 is a score for adults on the wards of hospitals on Earth. Nobody has validated it on
Mars, in reduced gravity, in a cabin's air or on astronauts, and nothing here has been assessed against a medical
standard. Words of IEC 60601-1-8 are used so that people who know alarm systems know what is meant, not as a claim.

    frames -> levels (one per channel: which band has held) -> rules -> changes of alerts -> board -> annunciator

One idea carries this room: **a rule is a function of levels, and a level changes exactly when the device's comparators
fire.** A level is the band between two edges (bands of NEWS2, limits of the person) in which a channel has been for
`hold` samples; persistence, hysteresis, artefacts and missing readings are settled there, once. The device runs the
same levels (`bands.Comparators`), so the frame in which a rule begins to hold is closed by the very sample that makes
it hold, and home and standby edge derive the same alerts from the same frames, whatever their clocks say.

| file | |
|---|---|
| `news2` | the score: bands, rounding, both SpO2 scales |
| `watch` | what one device is watched for: settings |
| `artefacts` | jumps that cannot be |
| `level`, `levels` | which band has held: one channel, all channels of a frame |
| `bands` | the same for the device: windows for the sensor's comparators |
| `rules` | limits, lead off, stale, NEWS2: when they hold |
| `alarms` | the rules over one device's frames: changes of alerts, and a state that can be journaled |
| `board` | what sounds: latching, acknowledgement, escalation |
"""
