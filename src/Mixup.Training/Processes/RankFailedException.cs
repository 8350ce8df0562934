namespace TorchSharp.Mixup.Training;

/// <summary>Another process failed or ended, so this one cannot go on.</summary>
public sealed class RankFailedException : Exception
{
    /// <summary>Creates an exception without a message.</summary>
    public RankFailedException()
    {
    }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">The message.</param>
    public RankFailedException(string message)
        : base(message)
    {
    }

    /// <summary>Creates an exception with a message and a cause.</summary>
    /// <param name="message">The message.</param>
    /// <param name="innerException">The cause.</param>
    public RankFailedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    internal RankFailedException(int rank, string message)
        : base($"Rank {rank} {message}") => Rank = rank;

    /// <summary>Gets the rank that failed; -1 if it is not known.</summary>
    public int Rank { get; } = -1;
}
