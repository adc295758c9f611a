//! Schedules in the arguments of an optimiser: `lr = cosine(0.1)` becomes the expression of t,
//! epoch and T that `cosine` is.
//!
//! In: a call as written. Out: the same call with no schedule left in it. Invariant: a schedule is
//! an entry of the prelude (`# kind: schedule`) or a function of the file's own, nothing is known
//! of it here but its equation. Deliberately absent: values; the update rule computes them, once a
//! step, in f64.

use chainrule_graph::functions::{Functions, folded};
use chainrule_graph::syntax::ast::{Arg, Expr, ExprKind, Function, OptimizerCall};

use crate::error::Error;

/// Schedules in schedules go as deep as this.
const DEEPEST: usize = 16;

/// The call with every schedule in it written out.
///
/// # Errors
/// [`Error::Usage`] if a schedule gets an argument that it does not have, or lacks one.
pub fn unfold(
    call: &OptimizerCall,
    functions: &Functions,
) -> Result<OptimizerCall, Error> {
    let mut out = call.clone();
    for arg in &mut out.args {
        arg.value = unfolded(&arg.value, functions, DEEPEST)?;
    }
    Ok(out)
}

fn unfolded(e: &Expr, functions: &Functions, depth: usize) -> Result<Expr, Error> {
    let schedule = |e: &Expr| match &e.kind {
        ExprKind::Call { func, primes: 0, args } => {
            let id = functions.find(&func.written)?;
            let f = functions.get(id);
            depends_on_time(f).then(|| (f.clone(), args.clone()))
        }
        _ => None,
    };
    rewritten(e, &|e| {
        let Some((f, args)) = schedule(e) else { return Ok(None) };
        if depth == 0 {
            let message = "schedules in it go too deep".to_owned();
            return Err(Error::Usage { field: f.name.written, message });
        }
        let body = with_arguments(&f, &args)?;
        let body = unfolded(&body, functions, depth - 1)?;
        Ok(Some(Expr { kind: ExprKind::Paren(Box::new(body)), span: e.span }))
    })
}

/// Whether a body speaks of t, epoch or T without having them as arguments.
fn depends_on_time(f: &Function) -> bool {
    let found = std::cell::Cell::new(false);
    let own = |key: &str| f.params.iter().any(|p| p.name.key == key);
    let _ = rewritten(&f.body, &|e| {
        if let ExprKind::Name(n) = &e.kind
            && ["t", "epoch", "T"].contains(&n.key.as_str())
            && !own(&n.key)
        {
            found.set(true);
        }
        Ok(None)
    });
    found.get()
}

fn with_arguments(f: &Function, args: &[Arg]) -> Result<Expr, Error> {
    let usage = |message: String| Error::Usage { field: f.name.written.clone(), message };
    let mut values: Vec<Option<Expr>> =
        f.params.iter().map(|p| p.default.clone()).collect();
    for (place, arg) in args.iter().enumerate() {
        let at = match &arg.name {
            None => Some(place).filter(|p| *p < f.params.len()),
            Some(n) => {
                f.params.iter().position(|p| folded(&p.name.key) == folded(&n.key))
            }
        };
        let names: Vec<&str> = f.params.iter().map(|p| p.name.written.as_str()).collect();
        let at =
            at.ok_or_else(|| usage(format!("its arguments are {}", names.join(", "))))?;
        values[at] = Some(arg.value.clone());
    }
    if let Some(open) = values.iter().position(Option::is_none) {
        return Err(usage(format!(
            "it needs its argument {}",
            f.params[open].name.written
        )));
    }
    rewritten(&f.body, &|e| {
        let ExprKind::Name(n) = &e.kind else { return Ok(None) };
        let place = f.params.iter().position(|p| p.name.key == n.key);
        let value = place.and_then(|p| values[p].clone());
        let span = e.span;
        Ok(value.map(|v| Expr { kind: ExprKind::Paren(Box::new(v)), span }))
    })
}

type Rule<'a> = dyn Fn(&Expr) -> Result<Option<Expr>, Error> + 'a;

/// The expression with `rule` put to work from the outside in; what it replaces is not entered.
fn rewritten(e: &Expr, rule: &Rule<'_>) -> Result<Expr, Error> {
    if let Some(new) = rule(e)? {
        return Ok(new);
    }
    let one = |e: &Expr| rewritten(e, rule).map(Box::new);
    let kind = match &e.kind {
        ExprKind::Paren(a) => ExprKind::Paren(one(a)?),
        ExprKind::Neg(a) => ExprKind::Neg(one(a)?),
        ExprKind::Not(a) => ExprKind::Not(one(a)?),
        ExprKind::Abs(a) => ExprKind::Abs(one(a)?),
        ExprKind::Indicator(a) => ExprKind::Indicator(one(a)?),
        ExprKind::Binary(op, a, b) => ExprKind::Binary(*op, one(a)?, one(b)?),
        ExprKind::Cases(a, c, b) => ExprKind::Cases(one(a)?, one(c)?, one(b)?),
        ExprKind::Call { func, primes, args } => {
            let arg = |a: &Arg| -> Result<Arg, Error> {
                Ok(Arg { name: a.name.clone(), value: rewritten(&a.value, rule)? })
            };
            let args = args.iter().map(arg).collect::<Result<_, _>>()?;
            ExprKind::Call { func: func.clone(), primes: *primes, args }
        }
        // A rate is a number: matrices, sums over an index and the like cannot stand in it.
        other => other.clone(),
    };
    Ok(Expr { kind, span: e.span })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_graph::optimizer::parse_call;

    fn shown(text: &str) -> Result<String, Error> {
        let functions = chainrule_graph::prelude::functions();
        let call = parse_call(functions, text).unwrap();
        let unfolded = unfold(&call, functions)?;
        let value = &unfolded.args[0].value;
        Ok(format!("{:?}", value.kind))
    }

    #[test]
    fn a_schedule_is_written_out_and_nothing_else() {
        assert!(shown("sgd(lr = warmup(0.1, steps = 50))").unwrap().contains("50"));
        assert!(!shown("sgd(lr = warmup(cosine(0.1)))").unwrap().contains("warmup"));
        assert!(!shown("sgd(lr = 2 step_decay(0.1))").unwrap().contains("step_decay"));
        assert!(shown("sgd(lr = exp(−epoch))").unwrap().contains("exp"));
    }

    #[test]
    fn arguments_that_do_not_fit_are_named() {
        let says = |text: &str| shown(text).unwrap_err().to_string();
        assert!(says("sgd(lr = cosine(0.1, 3))").contains("its arguments are rate"));
        assert!(says("sgd(lr = cosine())").contains("needs its argument rate"));
    }
}
