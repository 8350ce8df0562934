/// Trains on the hand-written digits that ship with the samples, 40% of whose labels are wrong: in a loop of one's own, and with the
/// learner.
module Mixup.Samples.FSharp.Program

open System.CommandLine
open Mixup.Samples
open TorchSharp
open TorchSharp.Mixup
open TorchSharp.Mixup.Training
open type TorchSharp.torch.nn

let private batchSize = 50
let private alpha = 8.0 // for wrong labels; the default is 0.4
let private interpolation = MixupOptions(Method = Interpolation alpha, Seed = 1UL)

/// A method of one's own: the sample on the left of a random column, and its partner on the right.
let private sideBySide =
    CustomMethod(
        "SideBySide",
        (fun drawing ->
            let rows, columns = drawing.Extent[0], drawing.Extent[1]
            let first = [| 0L; drawing.Random.NextInt64(columns + 1L) |]
            let last = [| rows; columns |]
            BoxField(drawing.Extent, first, last)),
        OnlyCopies = true
    )

let private trainBatches (digits: Digits) =
    TensorBatches(digits.TrainImages, digits.TrainClasses, batchSize, Shuffle = true, Seed = 1UL)

/// A loop of one's own: the strategy begins a step for each batch, and the loss takes the target of the step.
let private trainInLoop (mixup: IMixupStrategy) (model: Network) (optimizer: torch.optim.Optimizer) (digits: Digits) epochs =
    use loss = new MixupLoss(CrossEntropyLoss())
    let batches = trainBatches digits

    for epoch in 1..epochs do
        model.train ()

        for batch in batches do
            use scope = torch.NewDisposeScope()
            use step = mixup.Begin(batch.Inputs[0], batch.Target)
            let l = loss.call (model.call step.Input, step.Target)
            optimizer.zero_grad ()
            l.backward ()
            optimizer.step () |> ignore

        printf "."

    printfn ""

/// The learner: mixing is one of its callbacks.
let private trainWithLearner (mixup: IMixupStrategy option) (model: Network) (optimizer: torch.optim.Optimizer) (digits: Digits) epochs =
    use loss = CrossEntropyLoss()

    let callbacks: LearnerCallback list =
        [ match mixup with
          | Some strategy -> MixupCallback strategy
          | None -> ()

          ProgressBar() ]

    let learner = Learner(model, loss, optimizer, metrics = [ Metric.Accuracy() ], callbacks = callbacks)

    let test = TensorBatches(digits.TestImages, digits.TestClasses, 600)
    learner.Fit(trainBatches digits, test, epochs) |> ignore

let private accuracy (model: Network) (digits: Digits) =
    use scope = torch.NewDisposeScope()
    use noGrad = torch.no_grad ()
    model.eval ()
    let right = model.call(digits.TestImages).argmax(1L).eq digits.TestClasses
    right.``to``(torch.float32).mean().item<float32> ()

let private run epochs (device: torch.Device) =
    use scope = torch.NewDisposeScope()
    let digits = Digits.Load(0, 1000, 0.4, device)

    let arms =
        [ "no mixup", "learner", (fun _ -> trainWithLearner None)
          "InputMixup", "own loop", (fun _ -> trainInLoop (InputMixup interpolation))
          "ManifoldMixup", "learner", (fun model -> trainWithLearner (Some(ManifoldMixup(model, interpolation))))
          "OutputMixup", "learner", (fun _ -> trainWithLearner (Some(OutputMixup interpolation)))
          "own method", "learner", (fun _ -> trainWithLearner (Some(InputMixup(MixupOptions(Method = sideBySide, Seed = 1UL))))) ]

    let results =
        [ for name, loop, train in arms do
              printfn $"{name}, {loop}"
              torch.manual_seed 1L |> ignore
              use model = (new Network()).``to`` device
              use optimizer = torch.optim.SGD(model.parameters (), 0.02, momentum = 0.9)
              train model model optimizer digits epochs
              name, loop, accuracy model digits ]

    printfn ""
    printfn $"{epochs} epochs, 1,000 digits, 40%% of the labels wrong, alpha {alpha}"
    printfn "%-15s %-9s %s" "strategy" "loop" "test accuracy %"

    for name, loop, value in results do
        printfn "%-15s %-9s %15.1f" name loop (100.0f * value)

    0

[<EntryPoint>]
let main arguments =
    let quick = Option<bool>("--quick", Description = "Trains for 2 epochs instead of 20.")
    let device = SampleCommand.Device()
    let command = RootCommand "Trains a small network on digits with wrong labels, in a loop of one's own and with the learner, in F#."
    command.Options.Add quick
    command.Options.Add device
    command.SetAction(fun result -> run (if result.GetRequiredValue quick then 2 else 20) (torch.device (result.GetRequiredValue device)))
    SampleCommand.Invoke(command, arguments)
