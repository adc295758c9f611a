//! Which trial is trained next, and how far: all of them to their end, or by successive halving.
//!
//! In: what is recorded of the trials. Out: the next piece of work, and the trials that are given up.
//! Trials stand in brackets of a fixed size; when a whole bracket has come to a rung (a number of
//! epochs), its best go on to the next one, η times as far. Invariant: all of it is a function of the
//! recorded losses, so that any number of workers promotes the same trials. Deliberately absent:
//! clocks, storage.

use std::collections::BTreeMap;

use crate::error::Error;

/// How a study goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Trials that are wanted.
    pub trials: usize,
    /// Epochs of each rung; the last is the whole training.
    pub rungs: Vec<usize>,
    /// Trials of a bracket.
    pub bracket: usize,
    /// One of so many goes on.
    pub eta: usize,
    /// Folds that each trial is trained beside, and judged by; `None`: one training.
    pub folds: Option<usize>,
}

/// What is recorded of a trial, as far as the plan looks at it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// What it is doing.
    pub stage: Stage,
    /// Losses at the rungs that it has reached, in their order.
    pub losses: Vec<f64>,
    /// Who trained it gives no sign of life.
    pub lost: bool,
}

/// What a trial is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Somebody trains it.
    #[default]
    Running,
    /// It has come to a rung, or was interrupted on the way to one.
    Waiting,
    /// Trained to its end.
    Complete,
    /// Others of its bracket were better.
    Pruned,
    /// It diverged, or could not be trained.
    Failed,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Train this trial up to a rung; a number beyond those that are recorded is a new one.
    Train {
        /// The trial.
        number: usize,
        /// The place of the rung.
        rung: usize,
    },
    /// Others are at work on what has to be known first.
    Wait,
    /// Nothing is left.
    Over,
}

impl Plan {
    /// All trials to their end.
    #[must_use]
    pub fn full(trials: usize, epochs: usize) -> Self {
        let bracket = trials.max(1);
        Self { trials, rungs: vec![epochs], bracket, eta: 1, folds: None }
    }

    /// Successive halving: one of `eta` goes on, `eta` times as far, until one is left.
    ///
    /// # Errors
    /// [`Error::Usage`] if the trials are no whole brackets.
    pub fn halving(
        trials: usize,
        epochs: usize,
        bracket: usize,
        eta: usize,
    ) -> Result<Self, Error> {
        let usage = |field: &str, message: String| {
            Err(Error::Usage { field: field.to_owned(), message })
        };
        if eta < 2 {
            return usage("eta", format!("expected 2 or more, found {eta}"));
        }
        if bracket < 2 || !trials.is_multiple_of(bracket) {
            let whole = trials.div_ceil(bracket.max(1)) * bracket;
            let way_out = format!(
                "{trials} trials are no whole brackets of {bracket}; with \
                                   {whole} they are"
            );
            return usage("trials", way_out);
        }
        let (mut rungs, mut left) = (vec![epochs], bracket);
        while let (Some(&last), true) = (rungs.last(), left >= eta)
            && last >= eta
        {
            rungs.push(last / eta);
            left /= eta;
        }
        rungs.reverse();
        Ok(Self { trials, rungs, bracket, eta, folds: None })
    }

    /// The same with each trial judged by the mean over so many folds.
    #[must_use]
    pub fn in_folds(self, folds: usize) -> Self {
        Self { folds: Some(folds), ..self }
    }

    /// Epochs that one bracket costs, beside those of training all of it to the end.
    #[must_use]
    pub fn cost(&self) -> (usize, usize) {
        let mut spent = 0;
        let (mut trials, mut before) = (self.bracket, 0);
        for &rung in &self.rungs {
            spent += trials * (rung - before);
            (trials, before) = ((trials / self.eta.max(1)).max(1), rung);
        }
        (spent, self.bracket * self.epochs())
    }

    /// Epochs of the whole training.
    #[must_use]
    pub fn epochs(&self) -> usize {
        self.rungs.last().copied().unwrap_or(0)
    }

    /// What is to be done next, and the trials that are given up by now.
    #[must_use]
    pub fn next(&self, places: &[Place]) -> (Next, Vec<usize>) {
        let (mut pruned, mut waits, mut work) = (Vec::new(), false, None);
        let mut known: BTreeMap<(usize, usize), Option<Vec<usize>>> = BTreeMap::new();
        for (number, place) in places.iter().enumerate() {
            let rung = place.losses.len();
            let ready = match place.stage {
                Stage::Running if !place.lost => None,
                Stage::Running => Some(true),
                Stage::Waiting => {
                    let bracket = number / self.bracket;
                    let chosen = known.entry((bracket, rung)).or_insert_with(|| {
                        let chosen = self.chosen(places, bracket, rung);
                        chosen.map(|mut all| {
                            all.sort_unstable();
                            all
                        })
                    });
                    let chosen =
                        chosen.as_ref().map(|all| all.binary_search(&number).is_ok());
                    if chosen == Some(false) {
                        pruned.push(number);
                        continue;
                    }
                    chosen
                }
                Stage::Complete | Stage::Pruned | Stage::Failed => continue,
            };
            match ready {
                Some(_) if work.is_none() => work = Some(Next::Train { number, rung }),
                _ => waits = true,
            }
        }
        let new = || {
            let number = places.len();
            (number < self.trials).then_some(Next::Train { number, rung: 0 })
        };
        let idle = if waits { Next::Wait } else { Next::Over };
        (work.or_else(new).unwrap_or(idle), pruned)
    }

    /// The trials of a bracket that go to a rung; `None` as long as that is not known.
    fn chosen(
        &self,
        places: &[Place],
        bracket: usize,
        rung: usize,
    ) -> Option<Vec<usize>> {
        let from = bracket * self.bracket;
        let Some(before) = rung.checked_sub(1) else {
            return Some((from..from + self.bracket).collect());
        };
        let mut there = Vec::new();
        for number in self.chosen(places, bracket, before)? {
            let place = places.get(number)?;
            match place.losses.get(before) {
                Some(&loss) => there.push((loss, number)),
                None if place.stage == Stage::Failed => {}
                None => return None,
            }
        }
        // What has gone on to a later rung was finite here; of equals the first goes on.
        there.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        there.truncate(self.seats(rung));
        Some(there.into_iter().map(|(_, number)| number).collect())
    }

    /// Trials of a bracket that go to a rung.
    fn seats(&self, rung: usize) -> usize {
        (0..rung).fold(self.bracket, |n, _| n / self.eta).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a study with so many workers that finish in a random order; the losses of trial k are
    /// k's own. Gives what became of each trial.
    fn played(plan: &Plan, workers: usize, order: u64) -> Vec<Place> {
        let draws = chainrule_kernels::rng::Draws::new(order, 1);
        let loss = |k: usize, rung: usize| ((k * 37 + rung * 11) % 101) as f64;
        let (mut places, mut busy): (Vec<Place>, Vec<(usize, usize)>) =
            Default::default();
        for turn in 0.. {
            let (next, pruned) = plan.next(&places);
            pruned.into_iter().for_each(|k| places[k].stage = Stage::Pruned);
            match next {
                Next::Train { number, rung } if busy.len() < workers => {
                    places.resize(places.len().max(number + 1), Place::default());
                    places[number].stage = Stage::Running;
                    busy.push((number, rung));
                }
                Next::Over => return places,
                _ => {
                    let at = draws.below(busy.len() as u64, turn, 0, 0) as usize;
                    let (number, rung) = busy.swap_remove(at);
                    let place = &mut places[number];
                    if number % 9 == 8 {
                        place.stage = Stage::Failed;
                        continue;
                    }
                    place.losses.push(loss(number, rung));
                    let last = rung + 1 == plan.rungs.len();
                    place.stage = if last { Stage::Complete } else { Stage::Waiting };
                }
            }
        }
        unreachable!()
    }

    #[test]
    fn any_number_of_workers_promotes_the_same_trials() {
        let plan = Plan::halving(54, 27, 27, 3).unwrap();
        assert_eq!(plan.rungs, [1, 3, 9, 27]);
        let one = played(&plan, 1, 0);
        for (workers, order) in [(2, 1), (3, 2), (8, 3), (50, 4)] {
            assert_eq!(played(&plan, workers, order), one, "{workers} workers");
        }
        let reached = |n: usize| one.iter().filter(|p| p.losses.len() >= n).count();
        assert_eq!([reached(1), reached(2), reached(3), reached(4)], [48, 18, 6, 2]);
        assert!(one.iter().all(|p| !matches!(p.stage, Stage::Running | Stage::Waiting)));
    }

    #[test]
    fn the_best_of_a_rung_go_on() {
        let plan = Plan::halving(6, 4, 6, 2).unwrap();
        assert_eq!(plan.rungs, [1, 2, 4]);
        let at =
            |loss: f64| Place { stage: Stage::Waiting, losses: vec![loss], lost: false };
        let mut places: Vec<Place> = [5.0, 1.0, 3.0, 3.0, 9.0].map(at).to_vec();
        assert_eq!(plan.next(&places).0, Next::Train { number: 5, rung: 0 });
        places.push(at(2.0));
        let (next, pruned) = plan.next(&places);
        assert_eq!((next, pruned), (Next::Train { number: 1, rung: 1 }, vec![0, 3, 4]));
    }

    #[test]
    fn a_trial_whose_process_is_gone_is_taken_up_again_and_one_at_work_is_waited_for() {
        let plan = Plan::full(2, 5);
        let (alive, lost) = (Place::default(), Place { lost: true, ..Place::default() });
        assert_eq!(
            plan.next(&[alive.clone(), lost.clone()]).0,
            Next::Train { number: 1, rung: 0 }
        );
        assert_eq!(plan.next(&[alive.clone(), alive]).0, Next::Wait);
        let done = Place { stage: Stage::Complete, losses: vec![1.0], lost: false };
        assert_eq!(plan.next(&[done.clone(), done]).0, Next::Over);
    }

    #[test]
    fn brackets_are_whole_and_rungs_have_an_epoch_at_least() {
        assert!(
            Plan::halving(40, 27, 27, 3).unwrap_err().to_string().contains("with 54")
        );
        assert!(Plan::halving(4, 27, 4, 1).is_err());
        assert_eq!(Plan::halving(32, 10, 32, 3).unwrap().rungs, [1, 3, 10]);
        assert_eq!(Plan::halving(32, 10, 32, 3).unwrap().cost(), (73, 320));
        assert_eq!(Plan::halving(4, 1000, 4, 3).unwrap().rungs, [333, 1000]);
        assert_eq!(Plan::halving(4, 2, 4, 3).unwrap().rungs, [2]);
    }
}
