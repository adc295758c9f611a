//! What a caller says besides the file: overrides by name, threads.
//!
//! In: names and values as text (`H`, `64`), as they come from a command line. Out: [`Options`],
//! which read a file as those values make it; how is the matter of `overrides`.

use chainrule_graph::lower::Loaded;
use chainrule_graph::syntax::ast::Every;

use super::overrides;
use crate::error::Error;

/// What a caller says besides the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// `NAME=VALUE` for dimensions, constants, arguments of the optimiser, items of the `train:`
    /// line (`epochs`, `batch`, `seed`, `stop after`, …, and `optimizer`), items of the `data:` line
    /// (`file`, `hold out`, `separator`, …) and the columns of a symbol. Later ones win.
    pub set: Vec<(String, String)>,
    /// Threads that work together; 0 stands for as many as the machine has. Results do not depend
    /// on it.
    pub threads: usize,
    /// How often a run is saved on the way, in place of what the file says. Results do not depend
    /// on it.
    pub checkpoint: Option<Every>,
}

impl Options {
    /// With one more override.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.set.push((name.to_owned(), value.to_string()));
        self
    }

    /// With this number of threads.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Saved this often on the way.
    #[must_use]
    pub fn checkpoint(mut self, every: Every) -> Self {
        self.checkpoint = Some(every);
        self
    }

    /// The number of threads: as many as processors where it is 0, and never more, since
    /// threads that share a processor only wait for each other.
    pub(crate) fn team(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        match self.threads {
            0 => processors,
            n => n.min(processors),
        }
    }

    /// Reads a file with these overrides: what `data:` and `train:` say is changed in the module.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that nothing answers to, with the nearest word, and for a value
    /// that cannot be meant. What is wrong with the file itself is among the diagnostics.
    pub fn load(&self, text: &str) -> Result<Loaded, Error> {
        overrides::load(text, &self.set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_team_is_larger_than_the_machine() {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let team = |n| Options::default().threads(n).team();
        assert_eq!((team(0), team(1)), (processors, 1));
        assert_eq!(team(8 * processors), processors);
    }
}
