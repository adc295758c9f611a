//! A search finds the same trials with any number of workers, and each is its training alone.

use chainrule::data::{Fold, prepare_fold};
use chainrule::train::Control;
use chainrule::trials::{FoldFigures, Trials};
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
fn folds_are_the_same_for_every_trial_and_promote_the_same_ones() {
    let folder = project();
    let study = study(&folder, Plan::halving(12, 4, 6, 2).unwrap().in_folds(3));
    let one = searched(&study, 1);
    for workers in [2, 5] {
        assert_eq!(searched(&study, workers), one, "{workers} workers");
    }
    let best = best::best(&one).unwrap();
    assert_eq!(one[best].place.losses.len(), study.plan.rungs.len());
    // One that went on from rung to rung ends as trainings beside each fold that never paused.
    let alone = Trials::of_folds(&model(&folder, &study.trials()[best].set), 3);
    let ran = alone.run(1, &|_, _| Control::Continue, &FoldFigures::of);
    let loss = |f: FoldFigures| f.evaluation.unwrap().loss;
    let losses: Vec<f64> = ran.into_iter().map(|f| loss(f.unwrap().unwrap())).collect();
    assert_eq!(one[best].facts["folds"], serde_json::json!(losses));
    assert_eq!(*one[best].place.losses.last().unwrap(), losses.iter().sum::<f64>() / 3.0);
    assert_eq!(one[best].curve.len(), study.plan.rungs.len());
}

#[test]
fn a_searched_seed_draws_other_weights_and_deals_the_same_folds() {
    let folder = project();
    let base = model(&folder, &Vec::new());
    let axes = vec!["seed ~ {3, 4}".parse().unwrap()];
    let study = Study::new(&base, axes, 1, Plan::full(6, 4).in_folds(3)).unwrap();
    let all = searched(&study, 1);
    let fold = Fold::all(3, base.settings().seed)[1];
    let source = base.load_data().unwrap().source;
    for (k, kept) in all.iter().enumerate() {
        let own = model(&folder, &study.trials()[k].set);
        let (spec, seed) = (own.module().data.clone().unwrap(), own.settings().seed);
        let (p, apart) =
            prepare_fold(&spec, &own.symbols(), &source, seed, fold).unwrap();
        let hear = &mut |_: &_| Control::Continue;
        let alone = own.fit_prepared(&p.train, p.held_out.as_ref(), &p.preparation, hear);
        let loss = alone.unwrap().evaluate_prepared(&apart).unwrap().loss;
        assert_eq!(kept.facts["folds"][1].as_f64(), Some(loss), "trial {k}");
    }
}

#[test]
fn a_fold_that_diverges_is_the_failure_of_its_trial() {
    let folder = project();
    let base = model(&folder, &Vec::new());
    let axes = vec!["optimizer ~ {sgd(lr = 1e38)}".parse().unwrap()];
    let study = Study::new(&base, axes, 1, Plan::full(1, 4).in_folds(3)).unwrap();
    let all = searched(&study, 1);
    assert_eq!(all[0].place.stage, Stage::Failed);
    assert!(all[0].facts["reason"].as_str().unwrap().starts_with("fold 1: diverged"));
    assert!(all[0].curve.is_empty());
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
