using TorchSharp.Mixup.Ranks;

// What ranks run in the tests: mpirun -np N dotnet Mixup.Ranks.dll SCENARIO FOLDER [ARGUMENT...]. What a rank finds out is in
// FOLDER/RANK.txt.
set_num_threads(1);
return args switch
{
    ["equality", var folder] => Equality.Run(folder),
    ["primitives", var folder] => Primitives.Run(folder),
    ["fault", var folder, var fault] => Faults.Run(folder, fault),
    ["resume", var folder, .. var options] => Resuming.Run(folder, options),
    _ => throw new ArgumentException($"There is no scenario '{string.Join(' ', args)}'."),
};
