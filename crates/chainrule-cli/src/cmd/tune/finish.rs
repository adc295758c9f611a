//! What follows a search: pictures, the file with the best settings, the training with them.

use std::path::Path;

use chainrule::runs::{self, Recorded};
use chainrule::train::Control;
use chainrule::tune::{picture, write};
use chainrule::{Error, Model, Options};

use super::{Args, Found};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::screen::Screen;
use crate::{curve, interrupt, report, writing};

/// Before anything is trained: whether the results can go where they are to.
pub(super) fn refuse_to_overwrite(args: &Args) -> Result<(), Failure> {
    if let Some(folder) = &args.svg {
        super::compare::make_folder(folder)?;
    }
    match &args.out {
        Some(path) if !args.force && path.symlink_metadata().is_ok() => {
            let words = "a file of this name is there; --force writes over it";
            Err(Failure::Usage(format!("{}: {words}", path.display())))
        }
        _ => Ok(()),
    }
}

impl Found<'_> {
    /// A picture for each number; their paths.
    pub(super) fn write_pictures(&self) -> Result<Vec<String>, Failure> {
        let Some(folder) = &self.args.svg else { return Ok(Vec::new()) };
        let mut paths = Vec::new();
        for axis in self.study.axes.iter().filter(|a| a.is_number()) {
            if let Some(svg) = picture(axis, &self.points(axis), self.good(axis)) {
                let path = folder.join(format!("{}.svg", file_name(&axis.name)));
                writing::whole(&path, &svg, true)?;
                paths.push(path.display().to_string());
            }
        }
        Ok(paths)
    }

    /// Writes the file with the settings of a trial, if that is asked for.
    pub(super) fn write_file(&self, number: usize) -> Result<Option<String>, Failure> {
        let Some(path) = &self.args.out else { return Ok(None) };
        let text = write::with_settings(self.model, self.set(number))?;
        writing::whole(path, text, self.args.force)?;
        Ok(Some(path.display().to_string()))
    }

    /// Trains with the settings of a trial, in full, with a run folder.
    pub(super) fn train(
        &self,
        number: usize,
        located: &dyn Fn(Error) -> Failure,
        screen: &Screen,
    ) -> Result<Recorded, Failure> {
        let file = &self.args.file;
        let options = self.set(number).iter();
        let options =
            options.fold(self.args.set.options(), |o: Options, (n, v)| o.set(n, v));
        let model = Model::from_file(file, options).map_err(located)?;
        let data = model.load_data().map_err(located)?;
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let place: (&Path, &str) = (&self.args.runs, &stem);
        let mut progress = Progress::new(screen, self.args.quiet || screen.json);
        let recorded = runs::record(&model, &data, place, None, &mut |event| {
            progress.tell(event);
            match interrupt::asked() {
                true => Control::Stop,
                false => Control::Continue,
            }
        });
        progress.end();
        recorded.map_err(located)
    }
}

/// A name as part of a path.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
}

/// The curve, the figures, and where everything is.
pub(super) fn told(recorded: &Recorded) -> String {
    let curve = curve::draw(recorded.trained.history());
    let text = report::clean(&recorded.summary.text());
    let path = |word: &str, path: &Path| {
        format!("{word}: {}\n", report::clean(&path.display().to_string()))
    };
    let paths = path("model", &recorded.model) + &path("run", &recorded.folder);
    format!("\n{curve}{text}{paths}")
}
