"""The story of what broke: a second run of the same scenario listens to what the first one's evidence names.

A run is a function of its scenario and seed, so nothing need be kept of runs that hold.

| file | idea |
|---|---|
| `subject` | what an evidence is about: a record, a stream, an alert, or a place |
| `letters` | what a datagram or bundle says about it |
| `notes` | what a fact says about it |
| `ear` | what is heard of one subject |
| `copies` | copies on links, and what became of them |
| `media` | journals and stores |
| `listener` | hears the second run with all of these |
| `cast` | who takes part |
| `telling` | of all that was heard, what is told |
"""
