fn main() {
    for p in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&p).unwrap();
        let l = chainrule_graph::lower::load(&text, &[]);
        println!("== {p}");
        for d in &l.diagnostics {
            let (line, col) = chainrule_graph::diag::line_column(&text, d.span.start);
            println!(
                "{:?} {:?} {line}:{col} {} | labels {:?} | notes {:?} | hints {:?}",
                d.severity,
                d.code,
                d.message,
                d.labels.iter().map(|l| &l.text).collect::<Vec<_>>(),
                d.notes,
                d.hints.iter().map(|h| &h.text).collect::<Vec<_>>()
            );
        }
        if let Some(m) = &l.module {
            for e in &m.equations {
                println!(
                    "{} : {} each {}",
                    e.shown, m.graph[e.node].shape, m.graph[e.node].each
                );
            }
            match chainrule_graph::derived::derive(m) {
                Ok(d) => {
                    println!(
                        "fingerprint {} nodes {} rewrites {}",
                        d.fingerprint,
                        d.graph.len(),
                        d.rewrites.len()
                    );
                    let x = chainrule_graph::derived::expand(
                        m,
                        &d,
                        chainrule_graph::expand::Purpose::Training,
                    );
                    println!("expanded {}", x.graph.len());
                }
                Err(e) => println!("derive: {}", e[0].message),
            }
        }
    }
}
