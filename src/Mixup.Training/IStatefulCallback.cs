namespace TorchSharp.Mixup.Training;

/// <summary>The part of a <see cref="LearnerCallback"/> that a checkpoint saves.</summary>
public interface IStatefulCallback
{
    /// <summary>Gets the name of the state in a checkpoint. No two callbacks of a learner may share it.</summary>
    string StateKey { get; }

    /// <summary>Returns the state as text.</summary>
    /// <returns>The text, for <see cref="LoadState"/>.</returns>
    string SaveState();

    /// <summary>Restores a state.</summary>
    /// <param name="state">The text that <see cref="SaveState"/> returned.</param>
    /// <exception cref="FormatException">The text is not such a state. Nothing was changed.</exception>
    void LoadState(string state);
}
