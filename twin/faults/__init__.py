"""What goes wrong: causes with their times, and one named random stream per cause."""
