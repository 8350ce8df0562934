// The program of the F# project in .ci/consumer: a loop of one's own, then the learner.
open TorchSharp
open TorchSharp.Mixup
open TorchSharp.Mixup.Training
open type TorchSharp.torch.nn

torch.manual_seed 1L |> ignore
let inputs = torch.randn (64L, 8L)
let targets = inputs.argmax 1L
let model = Sequential(Linear(8L, 32L), ReLU(), Linear(32L, 8L))
let optimizer = torch.optim.SGD(model.parameters (), 0.1)
let batches = [ for i in 0L .. 3L -> struct (inputs.narrow (0L, 16L * i, 16L), targets.narrow (0L, 16L * i, 16L)) ]

let mixup = ManifoldMixup(model, 0.4)
let loss = new MixupLoss(CrossEntropyLoss())

for struct (x, y) in batches do
    use scope = torch.NewDisposeScope()
    use step = mixup.Begin(x, y)
    let l = loss.call (model.call step.Input, step.Target)
    optimizer.zero_grad ()
    l.backward ()
    optimizer.step () |> ignore

let learner =
    Learner(
        model,
        CrossEntropyLoss(),
        optimizer,
        metrics = [ Metric.Accuracy() ],
        callbacks = [ MixupCallback(OutputMixup 0.4); ProgressBar() ]
    )

let records = learner.Fit(batches, batches, epochs = 2)
printfn $"consumed: {records.Count} epochs, loss {records[0].TrainLoss} to {records[1].TrainLoss}"
