//! THE NUMBERS: slices in, slices out. The only house with `unsafe` and with threads.
