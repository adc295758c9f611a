//! A search finds the same trials with any number of workers, and each is its training alone.

use chainrule::train::Control;
use chainrule::tune::plan::{Plan, Stage};
use chainrule::tune::record::{Kept, Memory};
use chainrule::tune::space::Axis;
use chainrule::tune::{Study, best};
use chainrule::{Model, Options};
use tempfile::TempDir;

use crate::trials::{model, project};

fn study(folder: &TempDir, plan: Plan) -> Study {
    let axes: [Axis; 2] = [Axis::rate(), "H ~ {3, 6, 12}".parse().unwrap()];
    Study::new(&model(folder, &Vec::new()), axes.to_vec(), 5, plan).unwrap()
}

/// All trials of a study, without the seconds that they took.
fn searched(study: &Study, workers: usize) -> Vec<Kept> {
    let hear = |_: usize, _: &_| Control::Continue;
    let ran = study.run(&mut Memory::default(), workers, &hear, &|_, _, _| ());
    let mut all = ran.unwrap();
    for kept in &mut all {
        kept.facts.remove("seconds");
    }
    all
}

#[test]
fn any_number_of_workers_finds_the_same() {
    let folder = project();
    for plan in [Plan::full(7, 4), Plan::halving(12, 4, 6, 2).unwrap()] {
        let study = study(&folder, plan);
        let one = searched(&study, 1);
        for workers in [2, 5] {
            assert_eq!(searched(&study, workers), one, "{workers} workers");
        }
    }
}

#[test]
fn a_trial_that_goes_on_from_rung_to_rung_ends_as_if_trained_alone() {
    let folder = project();
    let study = study(&folder, Plan::halving(6, 4, 6, 2).unwrap());
    assert_eq!(study.plan.rungs, [1, 2, 4]);
    let all = searched(&study, 3);
    let best = best::best(&all).unwrap();
    assert_eq!(all.iter().filter(|k| k.place.stage == Stage::Pruned).count(), 5);
    let alone = model(&folder, &study.trials()[best].set);
    let alone = alone.fit_files(&mut |_| Control::Continue).unwrap();
    let losses: Vec<(usize, f64)> =
        alone.history().iter().map(|e| (e.epoch, e.held_loss.unwrap())).collect();
    assert_eq!(all[best].curve, losses);
    assert_eq!(all[best].place.losses, [losses[0].1, losses[1].1, losses[3].1]);
}

#[test]
fn what_diverges_is_a_trial_like_any_other_and_is_never_promoted() {
    let folder = project();
    let model = Model::from_file(
        folder.path().join("t.chain"),
        Options::default().set("optimizer", "sgd"),
    );
    let axes = vec!["lr ~ {0.01, 1e38, 1e38}".parse().unwrap()];
    let plan = Plan::halving(8, 4, 8, 2).unwrap();
    let study = Study::new(&model.unwrap(), axes, 1, plan).unwrap();
    let all = searched(&study, 2);
    for (k, kept) in all.iter().enumerate() {
        let wild = study.trials()[k].set[0].1 == "1e38";
        assert_eq!(wild, kept.place.stage == Stage::Failed, "trial {k}: {kept:?}");
        assert_eq!(wild, kept.facts.contains_key("reason"), "trial {k}: {kept:?}");
    }
    assert!(all.iter().any(|k| k.place.stage == Stage::Failed));
    assert!(best::best(&all).is_some());
}

#[test]
fn a_name_that_is_searched_twice_is_refused() {
    let folder = project();
    let axes = vec![Axis::rate(), Axis::rate()];
    let base = model(&folder, &Vec::new());
    let error = Study::new(&base, axes, 0, Plan::full(2, 4)).unwrap_err();
    assert!(error.to_string().contains("lr: it is searched twice"), "{error}");
}
