print("etl-stage")
