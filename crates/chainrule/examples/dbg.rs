use chainrule::graph as g;
fn main() {
    let text = std::fs::read_to_string(std::env::args().nth(1).unwrap()).unwrap();
    let m = g::lower::load(&text, &[]);
    for d in &m.diagnostics {
        println!("{d:?}");
    }
    let m = m.module.unwrap();
    for l in chainrule::explain::derivation(&m) {
        println!("{} = {}", l.left, l.text);
    }
    let a: Vec<String> = std::env::args().skip(2).collect();
    if a.len() == 3 && a[2] == "raw" {
        let d = g::query::gradient(
            &m,
            m.equation(&a[0]).unwrap().node,
            m.equation(&a[1]).unwrap().node,
            false,
        );
        for (i, n) in d.graph.iter() {
            println!("{} {:?} {:?} {} {:?}", i.0, n.op, n.args, n.shape, d.names.get(&i));
        }
        return;
    }
    for r in chainrule::explain::ask(&m, &Default::default(), &a).replies {
        println!("{} => {:?}", r.ask, r.answer);
    }
}
