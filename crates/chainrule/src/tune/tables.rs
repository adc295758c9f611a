//! A study in Optuna's own tables, which `optuna.load_study` and optuna-dashboard read.
//!
//! In: a database that runs SQL. Out: a [`Record`]. Invariants: the text of the SQL is one for all
//! databases; what they spell differently stands in a [`Dialect`]. Whatever is read to decide something
//! is read under the lock under which it is written (`BEGIN IMMEDIATE`; a lock on the study's row). A
//! trial's losses at rungs and its holder are a system attribute, its figures user attributes, the loss
//! of each epoch an intermediate value. Deliberately absent: any other version of the schema.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::base::{Base, Cell, Rows};
use super::owner;
use super::plan::{Next, Place, Plan, Stage};
use super::record::{Kept, Record, Report};
use super::space::{self, Axis};
use super::study::Study;
use crate::error::Error;

/// The version of Optuna's tables that is written and read.
const SCHEMA: i64 = 12;
const STATEMENTS: &str = include_str!("schema.sql");
/// The attribute that holds what chainrule knows of a study or trial.
const OURS: &str = "chainrule";

/// A study in the tables of a database.
pub(super) struct Tables<B: Base> {
    base: B,
    study: i64,
    me: String,
    patience: Duration,
    axes: Vec<Axis>,
    seed: u64,
}

impl<B: Base> Tables<B> {
    /// Opens the study, or begins it.
    pub(super) fn open(
        base: B,
        name: &str,
        study: &Study,
        patience: Duration,
    ) -> Result<Self, Error> {
        let (axes, seed) = (study.axes.clone(), study.seed());
        let mut tables = Self { base, study: 0, me: owner::me(), patience, axes, seed };
        let definition = study.definition().json;
        tables.study = tables.locked(None, |t| {
            if t.run(t.base.dialect().there, &[])?.is_empty() {
                t.create()?;
            }
            t.check_version()?;
            t.find(name, &definition)
        })?;
        Ok(tables)
    }

    fn run(&mut self, sql: &str, values: &[Cell]) -> Result<Rows, Error> {
        self.base.run(sql, values)
    }

    /// One transaction: all of it or nothing.
    fn locked<T>(
        &mut self,
        study: Option<i64>,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.base.begin(study)?;
        let done = work(self);
        let ended = self.base.end(done.is_ok());
        done.and_then(|done| ended.map(|()| done))
    }

    fn create(&mut self) -> Result<(), Error> {
        let dialect = self.base.dialect();
        for sql in dialect.before {
            self.run(sql, &[])?;
        }
        let put = |sql: String, (word, own): &(&str, &str)| {
            sql.replace(&format!("{{{word}}}"), own)
        };
        for sql in STATEMENTS.lines() {
            let sql = dialect.types.iter().fold(sql.to_owned(), put);
            self.run(&sql, &[])?;
        }
        Ok(())
    }

    fn check_version(&mut self) -> Result<(), Error> {
        let rows = self.run("SELECT schema_version FROM version_info", &[])?;
        let found = rows.first().and_then(|r| r.first()).map_or(0, Cell::int);
        match found {
            SCHEMA => Ok(()),
            _ => Err(Error::Mismatch {
                field: "storage".into(),
                expected: format!("tables of Optuna's schema {SCHEMA}"),
                found: format!("those of schema {found}"),
            }),
        }
    }

    /// The id of the study, which begins here if there is none of this name.
    fn find(&mut self, name: &str, definition: &Value) -> Result<i64, Error> {
        let sql = "SELECT s.study_id, a.value_json FROM studies s LEFT JOIN \
                   study_system_attributes a ON a.study_id = s.study_id AND a.\"key\" = $1 \
                   WHERE s.study_name = $2";
        let rows = self.run(sql, &[OURS.into(), name.into()])?;
        if let Some(row) = rows.first() {
            same(name, serde_json::from_str(row[1].text()).ok(), definition)?;
            return Ok(row[0].int());
        }
        let sql = "INSERT INTO studies (study_name) VALUES ($1) RETURNING study_id";
        let id = self.run(sql, &[name.into()])?[0][0].clone();
        let sql = "INSERT INTO study_directions (direction, study_id, objective) VALUES \
                   ('MINIMIZE', $1, 0)";
        self.run(sql, std::slice::from_ref(&id))?;
        let sql = "INSERT INTO study_system_attributes (study_id, \"key\", value_json) VALUES \
                   ($1, $2, $3)";
        self.run(sql, &[id.clone(), OURS.into(), Cell::Text(definition.to_string())])?;
        Ok(id.int())
    }

    /// Ids and places of all trials, with who holds them.
    fn rows(&mut self) -> Result<Vec<Row>, Error> {
        let age = self.base.dialect().age;
        let sql = format!(
            "SELECT t.trial_id, t.number, CAST(t.state AS VARCHAR), {age}, a.value_json FROM trials t \
             LEFT JOIN trial_heartbeats h ON h.trial_id = t.trial_id LEFT JOIN \
             trial_system_attributes a ON a.trial_id = t.trial_id AND a.\"key\" = $1 WHERE \
             t.study_id = $2 ORDER BY t.number"
        );
        let rows = self.run(&sql, &[OURS.into(), Cell::Int(self.study)])?;
        let patience = self.patience.as_secs_f64();
        rows.iter().enumerate().map(|(at, row)| Row::of(at, row, patience)).collect()
    }

    /// What chainrule knows of a trial.
    fn note(&mut self, id: i64, losses: &[f64]) -> Result<(), Error> {
        let value = json!({ "owner": self.me, "losses": losses }).to_string();
        self.attribute("system", id, OURS, value)
    }

    fn attribute(
        &mut self,
        kind: &str,
        id: i64,
        key: &str,
        value: String,
    ) -> Result<(), Error> {
        let sql = format!(
            "INSERT INTO trial_{kind}_attributes (trial_id, \"key\", value_json) VALUES ($1, $2, $3) \
             ON CONFLICT (trial_id, \"key\") DO UPDATE SET value_json = excluded.value_json"
        );
        self.run(&sql, &[Cell::Int(id), key.into(), Cell::Text(value)]).map(drop)
    }

    /// A new trial with its number and what it tries.
    fn insert(&mut self, number: usize) -> Result<i64, Error> {
        let now = self.base.dialect().now;
        let sql = format!(
            "INSERT INTO trials (number, study_id, state, datetime_start) VALUES ($1, $2, 'RUNNING', \
             {now}) RETURNING trial_id"
        );
        let values = [Cell::Int(number as i64), Cell::Int(self.study)];
        let id = self.run(&sql, &values)?[0][0].int();
        let set = space::settings(&self.axes, self.seed, number);
        for (axis, (name, value)) in self.axes.clone().iter().zip(set) {
            let sql = "INSERT INTO trial_params (trial_id, param_name, param_value, \
                       distribution_json) VALUES ($1, $2, $3, $4)";
            let (value, kind) = (axis.stored(&value), axis.distribution().to_string());
            let values =
                [Cell::Int(id), Cell::Text(name), Cell::Real(value), Cell::Text(kind)];
            self.run(sql, &values)?;
        }
        Ok(id)
    }

    fn set_state(&mut self, id: i64, stage: Stage) -> Result<(), Error> {
        let (state, over) = state(stage);
        let now = self.base.dialect().now;
        let end =
            if over { format!(", datetime_complete = {now}") } else { String::new() };
        let sql = format!("UPDATE trials SET state = '{state}'{end} WHERE trial_id = $1");
        self.run(&sql, &[Cell::Int(id)]).map(drop)
    }

    fn alive(&mut self, id: i64) -> Result<(), Error> {
        let now = self.base.dialect().now;
        let sql = format!(
            "INSERT INTO trial_heartbeats (trial_id, heartbeat) VALUES ($1, {now}) ON CONFLICT \
             (trial_id) DO UPDATE SET heartbeat = excluded.heartbeat"
        );
        self.run(&sql, &[Cell::Int(id)]).map(drop)
    }

    /// A trial that this process holds.
    fn held(&mut self, number: usize) -> Result<Option<Row>, Error> {
        let me = self.me.clone();
        let row = self.rows()?.into_iter().nth(number);
        Ok(row.filter(|r| r.owner == me && r.place.stage == Stage::Running))
    }

    fn write(&mut self, row: &Row, report: &Report) -> Result<(), Error> {
        let mut losses = row.place.losses.clone();
        losses.extend(report.loss);
        self.note(row.id, &losses)?;
        self.set_state(row.id, report.stage)?;
        for &(epoch, loss) in &report.curve {
            self.intermediate(row.id, epoch, loss)?;
        }
        for (key, value) in &report.facts {
            self.attribute("user", row.id, key, value.to_string())?;
        }
        if let (Stage::Complete, Some(loss)) = (report.stage, report.loss) {
            let sql = "INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES \
                       ($1, 0, $2, 'FINITE')";
            self.run(sql, &[Cell::Int(row.id), Cell::Real(loss)])?;
        }
        Ok(())
    }

    fn intermediate(&mut self, id: i64, epoch: usize, loss: f64) -> Result<(), Error> {
        let kind = match loss {
            l if l.is_nan() => "NAN",
            f64::INFINITY => "INF_POS",
            f64::NEG_INFINITY => "INF_NEG",
            _ => "FINITE",
        };
        let sql = format!(
            "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, \
             intermediate_value_type) VALUES ($1, $2, $3, '{kind}') ON CONFLICT (trial_id, step) DO \
             UPDATE SET intermediate_value = excluded.intermediate_value, intermediate_value_type = \
             excluded.intermediate_value_type"
        );
        let loss = if loss.is_finite() { Cell::Real(loss) } else { Cell::Null };
        self.run(&sql, &[Cell::Int(id), Cell::Int(epoch as i64), loss]).map(drop)
    }
}

/// A trial as it stands in the tables.
struct Row {
    id: i64,
    place: Place,
    owner: String,
}

impl Row {
    fn of(at: usize, row: &[Cell], patience: f64) -> Result<Self, Error> {
        let ours: Option<Value> = serde_json::from_str(row[4].text()).ok();
        let (Some(ours), true) = (ours, row[1].int() == at as i64) else {
            return Err(Error::Mismatch {
                field: "study".into(),
                expected: "trials that chainrule has made".into(),
                found: format!(
                    "trial {} of another program; take another --study",
                    row[1].int()
                ),
            });
        };
        let owner = ours["owner"].as_str().unwrap_or_default().to_owned();
        let losses = ours["losses"].as_array().into_iter().flatten();
        let silent = row[3].real().is_none_or(|age| age > patience);
        let place = Place {
            stage: stage(row[2].text()),
            losses: losses.filter_map(Value::as_f64).collect(),
            lost: silent || owner::is_gone(&owner),
        };
        Ok(Self { id: row[0].int(), place, owner })
    }
}

/// The words of the states, and whether a trial is over with it.
const STATES: [(Stage, &str, bool); 5] = [
    (Stage::Running, "RUNNING", false),
    (Stage::Waiting, "WAITING", false),
    (Stage::Complete, "COMPLETE", true),
    (Stage::Pruned, "PRUNED", true),
    (Stage::Failed, "FAIL", true),
];

fn state(stage: Stage) -> (&'static str, bool) {
    let found = STATES.iter().find(|s| s.0 == stage);
    found.map_or(("FAIL", true), |s| (s.1, s.2))
}

fn stage(state: &str) -> Stage {
    STATES.iter().find(|s| s.1 == state).map_or(Stage::Failed, |s| s.0)
}

/// A value of a definition, for people.
fn shown(value: &Value) -> String {
    if value.is_null() { "none".to_owned() } else { value.to_string() }
}

/// Refuses a study that began otherwise, naming what differs.
fn same(name: &str, found: Option<Value>, wanted: &Value) -> Result<(), Error> {
    let mismatch = |field: String, expected: String, found: String| {
        Err(Error::Mismatch { field, expected, found })
    };
    let Some(found) = found else {
        let other = "one of another program; take another --study".to_owned();
        return mismatch(
            format!("study {name}"),
            "a study of chainrule tune".into(),
            other,
        );
    };
    let keys = wanted.as_object().into_iter().flat_map(|o| o.keys());
    match keys.into_iter().find(|k| found[*k] != wanted[*k]) {
        None => Ok(()),
        Some(key) => mismatch(
            format!("study {name}, {key}"),
            format!("{}, as it began", shown(&found[key])),
            format!("{}; take another --study", shown(&wanted[key])),
        ),
    }
}

impl<B: Base> Record for Tables<B> {
    fn claim(&mut self, plan: &Plan) -> Result<Next, Error> {
        self.locked(Some(self.study), |t| {
            let rows = t.rows()?;
            let places: Vec<Place> = rows.iter().map(|r| r.place.clone()).collect();
            let (next, pruned) = plan.next(&places);
            for number in pruned {
                t.set_state(rows[number].id, Stage::Pruned)?;
            }
            if let Next::Train { number, .. } = next {
                let id = match rows.get(number) {
                    Some(row) => row.id,
                    None => t.insert(number)?,
                };
                let losses = rows.get(number).map_or(&[][..], |r| &r.place.losses);
                t.set_state(id, Stage::Running)?;
                t.note(id, losses)?;
                t.alive(id)?;
            }
            Ok(next)
        })
    }

    fn report(&mut self, number: usize, report: &Report) -> Result<bool, Error> {
        self.locked(Some(self.study), |t| match t.held(number)? {
            Some(row) => t.write(&row, report).map(|()| true),
            None => Ok(false),
        })
    }

    fn beat(&mut self, numbers: &[usize]) -> Result<(), Error> {
        if numbers.is_empty() {
            return Ok(());
        }
        self.locked(Some(self.study), |t| {
            for &number in numbers {
                if let Some(row) = t.held(number)? {
                    t.alive(row.id)?;
                }
            }
            Ok(())
        })
    }

    fn trials(&mut self) -> Result<Vec<Kept>, Error> {
        self.locked(Some(self.study), |t| {
            let rows = t.rows()?;
            let of_study = "trial_id IN (SELECT trial_id FROM trials WHERE study_id = $1)";
            let study = [Cell::Int(t.study)];
            let sql = format!(
                "SELECT trial_id, step, intermediate_value FROM trial_intermediate_values WHERE \
                 {of_study} ORDER BY trial_id, step"
            );
            let mut curves: BTreeMap<i64, Vec<(usize, f64)>> = BTreeMap::new();
            for row in t.run(&sql, &study)? {
                let point = (row[1].int() as usize, row[2].real().unwrap_or(f64::NAN));
                curves.entry(row[0].int()).or_default().push(point);
            }
            let sql = format!(
                "SELECT trial_id, \"key\", value_json FROM trial_user_attributes WHERE {of_study} \
                 ORDER BY trial_user_attribute_id"
            );
            let mut facts: BTreeMap<i64, super::record::Facts> = BTreeMap::new();
            for row in t.run(&sql, &study)? {
                let value = serde_json::from_str(row[2].text()).unwrap_or(Value::Null);
                facts.entry(row[0].int()).or_default().insert(row[1].text().to_owned(), value);
            }
            let kept = |r: Row| Kept {
                facts: facts.remove(&r.id).unwrap_or_default(),
                curve: curves.remove(&r.id).unwrap_or_default(),
                place: Place { lost: false, ..r.place },
            };
            Ok(rows.into_iter().map(kept).collect())
        })
    }

    fn patience(&self) -> Duration {
        self.patience
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;
    use crate::Model;
    use crate::tune::sqlite::Sqlite;
    use tempfile::TempDir;

    const FILE: &str = "input x : D\ntarget y : 1\nparam w : 1×D ~ glorot\nŷ = w x\n\
        L = half_mse(y, ŷ)\nminimize mean(L)\ntrain: sgd, epochs 3\n";

    fn study() -> Study {
        let model = Model::parse(FILE).unwrap();
        Study::new(&model, vec![Axis::rate()], 0, Plan::full(1, 3)).unwrap()
    }

    fn open(folder: &TempDir) -> Result<Tables<Sqlite>, Error> {
        let base = Sqlite::open(&folder.path().join("s.db")).unwrap();
        Tables::open(base, "s", &study(), Duration::from_secs(60))
    }

    #[test]
    fn a_trial_whose_holder_is_silent_goes_to_another_and_the_first_can_report_nothing() {
        let folder = TempDir::new().unwrap();
        let (mut one, mut two) = (open(&folder).unwrap(), open(&folder).unwrap());
        (one.me, two.me) = ("on one machine".into(), "on another".into());
        let plan = study().plan;
        assert_eq!(one.claim(&plan).unwrap(), Next::Train { number: 0, rung: 0 });
        assert_eq!(two.claim(&plan).unwrap(), Next::Wait);
        let silent =
            "UPDATE trial_heartbeats SET heartbeat = '2020-01-01 00:00:00.000000'";
        one.run(silent, &[]).unwrap();
        one.beat(&[0]).unwrap();
        assert_eq!(two.claim(&plan).unwrap(), Next::Wait, "a sign of life");
        one.run(silent, &[]).unwrap();
        assert_eq!(two.claim(&plan).unwrap(), Next::Train { number: 0, rung: 0 });
        let report =
            Report { stage: Stage::Complete, loss: Some(0.5), ..Report::default() };
        assert!(!one.report(0, &report).unwrap() && two.report(0, &report).unwrap());
        assert_eq!(one.claim(&plan).unwrap(), Next::Over);
        let kept = two.trials().unwrap();
        assert_eq!((kept.len(), &kept[0].place.losses[..]), (1, &[0.5][..]));
    }

    #[test]
    fn other_versions_and_studies_of_others_are_refused() {
        let refused = |sql: &str, words: &str| {
            let folder = TempDir::new().unwrap();
            open(&folder).unwrap().run(sql, &[]).unwrap();
            let error = open(&folder).err().expect(sql).to_string();
            assert!(error.contains(words), "{sql}: {error}");
        };
        refused(
            "UPDATE version_info SET schema_version = 11",
            "found those of schema 11",
        );
        refused("DELETE FROM study_system_attributes", "one of another program");
        let folder = TempDir::new().unwrap();
        let mut tables = open(&folder).unwrap();
        let foreign =
            "INSERT INTO trials (number, study_id, state) VALUES (0, 1, 'COMPLETE')";
        tables.run(foreign, &[]).unwrap();
        let error = tables.claim(&study().plan).unwrap_err().to_string();
        assert!(error.contains("trial 0 of another program"), "{error}");
    }
}
